//! Log lines of the audit: changes of plans and failed payments.

use super::action::{AuditAction, AuditEntry};
use crate::clerk::metadata::Record;
use crate::ids::{EventId, Subject};
use crate::report::{Level, Report};
use crate::sync::engine::PlanSync;
use serde::Serialize;

#[derive(Serialize)]
struct AuditLine<'a> {
    audit: AuditAction,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<&'a str>,
    subject: &'a str,
    old_plan: Option<&'a str>,
    new_plan: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    reason: &'a str,
}

/// Returns the log line of a change.
pub(crate) fn change(sync: &PlanSync, subject: &Subject, before: &AuditEntry, shown: &Record) -> Report {
    let line = AuditLine {
        audit: AuditAction::Plan(before.action),
        event: sync.trigger.event.as_ref(),
        customer: sync.customer(),
        subject: subject.as_str(),
        old_plan: before.old_plan.as_deref(),
        new_plan: shown.plan.as_deref(),
        status: shown.subscription.status.as_deref(),
        reason: &sync.trigger.reason,
    };
    Report::json(Level::Info, &line)
}

/// Returns the log line of a failed payment, if the event is about one.
pub(crate) fn payment_failed(sync: &PlanSync) -> Option<Report> {
    #[derive(Serialize)]
    struct PaymentFailedLine<'a> {
        audit: AuditAction,
        event: Option<&'a EventId>,
        customer: Option<&'a str>,
        subject: Option<&'a str>,
        attempt_count: u64,
        next_attempt: Option<u64>,
        r#final: bool,
    }
    let failure = sync.trigger.payment_failure.as_ref()?;
    let line = PaymentFailedLine {
        audit: AuditAction::PaymentFailed,
        event: sync.trigger.event.as_ref(),
        customer: sync.customer(),
        subject: sync.subjects.first().map(|subject| subject.subject.as_str()),
        attempt_count: failure.attempt_count,
        next_attempt: failure.next_attempt_s,
        r#final: failure.is_final(),
    };
    Some(Report::json(Level::Info, &line))
}
