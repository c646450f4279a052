//! Log lines of a cancellation: the audit of what was canceled, and the alarms about what was not.

use super::request::CancelSubscription;
use super::subject_cancellation::Deletion;
use crate::alarm::{Alarm, AlarmCode};
use crate::config::CancellationTime;
use crate::ids::ScheduleId;
use crate::report::{Level, Report};
use crate::stripe::subscription::Subscription;
use crate::sync::SyncError;
use serde::Serialize;

/// Returns the audit line of a subscription that was canceled.
pub(super) fn subscription_canceled(deletion: &Deletion, end: &CancelSubscription) -> Report {
    #[derive(Serialize)]
    struct SubscriptionCanceledLine<'a> {
        audit: &'static str,
        event: &'a str,
        customer: &'a str,
        subject: &'a str,
        subscription: &'a str,
        mode: &'static str,
        reason: &'a str,
    }
    let line = SubscriptionCanceledLine {
        audit: "subscription_canceled",
        event: deletion.event.as_str(),
        customer: end.customer.as_str(),
        subject: deletion.subject.as_str(),
        subscription: end.subscription.as_str(),
        mode: match end.at {
            CancellationTime::Now => "cancel",
            CancellationTime::PeriodEnd => "cancel_at_period_end",
        },
        reason: &deletion.event_type,
    };
    Report::json(Level::Info, &line)
}

/// Returns the alarm about a subject that Clerk still has.
pub(super) fn subject_exists(deletion: &Deletion) -> Report {
    let cause = "Clerk still has the user or organization of this event, so nothing was canceled";
    let cure = "check that the secret key is of the instance that sends the events";
    alarm(deletion, AlarmCode::DeletedSubjectExists, cause, cure).into()
}

/// Returns the alarm about a search that Stripe refuses.
pub(super) fn unsearched(deletion: &Deletion, why: &SyncError) -> Report {
    let cause = format!(
        "the subscriptions of the deleted user or organization were not found, because Stripe refuses to search: {why}"
    );
    alarm(deletion, AlarmCode::DeletedSubjectUnsearched, &cause, "cancel them at Stripe").into()
}

/// Returns the alarm about a subscription that a schedule of another program manages.
pub(super) fn scheduled(deletion: &Deletion, subscription: &Subscription, schedule: &ScheduleId) -> Report {
    let cause = format!(
        "the subscription of the deleted user or organization was not canceled, because the schedule {schedule}, which \
         Tollgate did not create, manages it"
    );
    let cure = "decide at Stripe whether it ends";
    alarm(deletion, AlarmCode::DeletedSubjectScheduled, &cause, cure).object(&subscription.id).into()
}

/// Returns the alarm about a subscription whose metadata contain a malformed id, perhaps of another owner.
pub(super) fn invalid_keys(deletion: &Deletion, subscription: &Subscription, keys: &[String]) -> Report {
    let cause = format!(
        "the subscription of the deleted user or organization was not canceled: the value of the metadata key {} is \
         not a valid Clerk id of the expected kind, so another owner may be meant",
        keys.join(", ")
    );
    let cure = "cancel it at Stripe if it belongs to the deleted one; otherwise correct the metadata";
    alarm(deletion, AlarmCode::InvalidSubjectId, &cause, cure).object(&subscription.id).into()
}

/// Returns the alarm about ids that cannot be part of a path.
pub(super) fn skipped(deletion: &Deletion, count: usize) -> Report {
    let cause = format!(
        "{count} ids at Stripe contain characters that could change the path of a request, so they were skipped, and \
         their subscriptions were not canceled"
    );
    let cure = "cancel the subscriptions of the deleted user or organization at Stripe";
    alarm(deletion, AlarmCode::UnknownIds, &cause, cure).into()
}

fn alarm(deletion: &Deletion, code: AlarmCode, cause: &str, cure: &str) -> Alarm {
    let alarm = Alarm::warning(code, cause, cure).event(Some(deletion.event.as_str()));
    alarm.subject(Some(deletion.subject.as_str()))
}
