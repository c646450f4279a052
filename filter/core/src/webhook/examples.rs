//! The alarms and refusals of the webhooks that `docs/alarms.md` shows.

use super::refusal::{failed, overloaded, rejected, too_large};
use super::source::{EventRejection, EventWork};
use super::{ClerkWorker, StripeWorker};
use crate::clerk::event::ClerkEvent;
use crate::examples::{self, NOW, event};
use crate::ids::EventId;
use crate::problem::Problem;
use crate::report::Report;
use crate::signing_time::OutsideTolerance;
use crate::stripe::event::Event;
use crate::stripe::signature::{MalformedSignatureError, SignatureError};
use crate::sync::SyncError;

/// Returns the alarms of the page.
pub(crate) fn alarms() -> Vec<Report> {
    let (_, mut lines): (Vec<_>, Vec<_>) = unsigned().into_iter().unzip();
    lines.push(overloaded(&mut worker(), NOW).1);
    let mut lines: Vec<Report> = lines.into_iter().flatten().collect();
    lines.extend(events_of_others());
    lines
}

/// Returns the refusals of the page.
pub(crate) fn problems() -> Vec<Problem> {
    let (mut problems, _): (Vec<_>, Vec<_>) = unsigned().into_iter().unzip();
    // The page shows the code `signature_mismatch` of a session token.
    problems.pop();
    let unreadable = Event::parse(br#"{"id": "evt_1", "type": "customer.subscription.updated"}"#);
    problems.push(rejected(&mut worker(), NOW, EventRejection::from(unreadable.unwrap_err())).0);
    problems.push(overloaded(&mut worker(), NOW).0);
    problems.push(too_large(worker().endpoint.body_bytes_max));
    let errors = [
        SyncError::TooMany,
        SyncError::OutOfTime,
        SyncError::Unsettled,
        SyncError::Unmapped,
        SyncError::SubjectMissing,
    ];
    problems.extend(errors.map(|error| failed(&error, &event())));
    problems
}

fn worker() -> StripeWorker {
    StripeWorker::new(examples::stripe_webhook())
}

/// Returns the refusals of requests that are not signed, the wrong signature last.
fn unsigned() -> Vec<(Problem, Option<Report>)> {
    let outside = OutsideTolerance { skew_s: 420, in_future: false, tolerance_s: 300 };
    let errors = [
        SignatureError::Missing,
        SignatureError::Malformed(MalformedSignatureError::NoTimestamp),
        SignatureError::OutsideTolerance(outside),
        SignatureError::NoMatch { signatures: 1, secrets: 1 },
    ];
    errors.map(|error| rejected(&mut worker(), NOW, error.into())).into()
}

/// Returns the alarms about events of another mode, account, or instance.
fn events_of_others() -> Vec<Report> {
    let mut lines = Vec::new();
    let stripe = worker();
    for body in [
        r#"{"id": "evt_1", "type": "customer.updated", "livemode": false, "data": {"object": {"id": "cus_1"}}}"#,
        r#"{"id": "evt_1", "type": "customer.updated", "account": "acct_2", "data": {"object": {"id": "cus_1"}}}"#,
    ] {
        let event = Event::parse(body.as_bytes()).unwrap();
        lines.extend(reports(stripe.source.work(&event, &stripe.sync.settings)));
    }
    let clerk = ClerkWorker::new(examples::clerk_webhook());
    let body = r#"{"type": "user.updated", "instance_id": "ins_456", "data": {"id": "user_1"}}"#;
    let event = ClerkEvent::parse(body.as_bytes()).unwrap();
    let id = EventId::parse("msg_1").unwrap();
    lines.extend(reports(clerk.source.work(&id, event, &clerk.sync.settings)));
    lines
}

fn reports(work: EventWork) -> Vec<Report> {
    match work {
        EventWork::NotOurs(report) => vec![report],
        EventWork::None(reports) => reports,
        work => panic!("{work:?}"),
    }
}
