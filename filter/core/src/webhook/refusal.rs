//! Problem responses to deliveries that are refused or whose processing failed.

use super::source::{EventRejection, EventSource};
use super::worker::WebhookWorker;
use crate::alarm::{Alarm, AlarmCode};
use crate::ids::EventId;
use crate::problem::{Problem, ProblemCode};
use crate::report::Report;
use crate::sync::SyncError;
use crate::time::Micros;

/// Value of `retry-after`, in seconds. Stripe retries on its own schedule; people and proxies read this
/// field.
const RETRY_AFTER_S: &str = "30";

/// Returns the response to a body that exceeds the configured maximum.
pub(super) fn too_large(body_bytes_max: usize) -> Problem {
    Problem::new(413, ProblemCode::BodyTooLarge, format!("an event is at most {body_bytes_max} bytes long"))
}

/// Returns the response to a request that is not a valid event of the source, and an alarm at most once a
/// minute.
pub(super) fn rejected<S: EventSource>(
    worker: &mut WebhookWorker<S>,
    now: Micros,
    rejection: EventRejection,
) -> (Problem, Option<Report>) {
    match rejection {
        EventRejection::Unreadable { detail } => {
            (Problem::new(400, ProblemCode::InvalidPayload, detail), None)
        }
        EventRejection::Unsigned { code, cause } => {
            let line = worker.refusal_logged.is_due(now);
            let line = line.then(|| Alarm::warning(code.alarm(), cause, code.cure()).into());
            (Problem::new(400, code.problem(), S::LABELS.unsigned), line)
        }
    }
}

/// Returns the response to a delivery that exceeds what the worker thread may hold, and an alarm at most once
/// a minute.
pub(super) fn overloaded<S>(worker: &mut WebhookWorker<S>, now: Micros) -> (Problem, Option<Report>) {
    let line = worker.overload_logged.is_due(now).then(|| {
        let cause = "a worker thread holds as many deliveries, or bytes of deliveries, as it may, and refused one";
        let cure = "nothing to do if it passes: the sender retries; if it does not, check the response times of Stripe \
                    and Clerk, and whether a client sends bodies that do not end";
        Alarm::warning(AlarmCode::DeliveriesOverloaded, cause, cure).into()
    });
    let detail = "the gateway is processing too many deliveries; retry later";
    let problem = Problem::new(503, ProblemCode::DeliveriesOverloaded, detail);
    (problem.header("retry-after", RETRY_AFTER_S), line)
}

/// Returns the response to a delivery whose processing failed. Its status makes the sender retry, so the event is
/// not lost.
pub(super) fn failed(error: &SyncError, event: &EventId) -> Problem {
    // 500 if an operator must act, so that the failure stands out in the sender's dashboard.
    let status = match error {
        SyncError::KeyRefused { .. }
        | SyncError::ObjectUnknown { .. }
        | SyncError::Forbidden { .. }
        | SyncError::Refused { .. }
        | SyncError::TooMany => 500,
        SyncError::Transient { .. }
        | SyncError::OutOfTime
        | SyncError::Unsettled
        | SyncError::Unmapped
        | SyncError::SubjectMissing => 503,
    };
    let detail = "the event could not be processed; see the gateway's log for the cause";
    let problem = Problem::new(status, error.code(), detail).header("retry-after", RETRY_AFTER_S);
    problem.with("event", event.as_str())
}
