//! The answers to deliveries that are not taken, or whose work is not done.

use super::source::{EventRejection, EventSource};
use super::worker::WebhookWorker;
use crate::alarm::{Alarm, AlarmCode};
use crate::ids::EventId;
use crate::problem::Problem;
use crate::report::Report;
use crate::sync::SyncError;
use crate::time::Micros;

/// Seconds after which the sender may try again. It keeps to its own schedule; people and proxies read this.
const RETRY_AFTER_S: &str = "30";

/// Answers a body that is larger than what is taken.
pub(super) fn too_large(body_bytes_max: usize) -> Problem {
    Problem::new(413, "body_too_large", format!("an event is at most {body_bytes_max} bytes long"))
}

/// The code for a body that is no event of the source.
const INVALID_PAYLOAD: &str = "invalid_payload";

/// Answers what is no event of the source, and logs it at most once a minute.
pub(super) fn rejected<S: EventSource>(
    worker: &mut WebhookWorker<S>,
    now: Micros,
    rejection: EventRejection,
) -> (Problem, Option<Report>) {
    match rejection {
        EventRejection::Unreadable { detail } => (Problem::new(400, INVALID_PAYLOAD, detail), None),
        EventRejection::Unsigned { code, cause } => {
            let line = worker.refusal_logged.is_due(now);
            let line = line.then(|| Alarm::warning(code, cause).into());
            (Problem::new(400, code.as_str(), S::WORDS.unsigned), line)
        }
    }
}

/// Answers a delivery for which this worker thread holds too much already, and logs it at most once a minute.
pub(super) fn overloaded<S>(worker: &mut WebhookWorker<S>, now: Micros) -> (Problem, Option<Report>) {
    let line = worker.overload_logged.is_due(now).then(|| {
        let detail = "too many deliveries, or too many bytes of them, wait for their end at once";
        Alarm::warning(AlarmCode::DeliveriesOverloaded, detail).into()
    });
    let detail = "the gateway holds too many deliveries at this moment";
    let problem = Problem::new(503, AlarmCode::DeliveriesOverloaded.as_str(), detail);
    (problem.header("retry-after", RETRY_AFTER_S), line)
}

/// Answers a delivery whose sync failed, so that the sender retries it: the event is not lost.
pub(super) fn failed(error: &SyncError, event: &EventId) -> Problem {
    // 500 for what will not pass by itself, so that it stands out in the sender's dashboard.
    let status = match error {
        SyncError::Credentials { .. }
        | SyncError::Forbidden { .. }
        | SyncError::Refused { .. }
        | SyncError::TooMany => 500,
        SyncError::Transient { .. }
        | SyncError::OutOfTime
        | SyncError::Unsettled
        | SyncError::Unmapped
        | SyncError::SubjectMissing => 503,
    };
    let detail = "the plan could not be brought in line now; the gateway's log says why";
    let problem = Problem::new(status, error.code(), detail).header("retry-after", RETRY_AFTER_S);
    problem.with("event", event.as_str())
}
