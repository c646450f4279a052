//! The lines that operators read: each change of a plan, each failed payment, and what somebody should see to.

use super::facts::Facts;
use super::subject_sync::Change;
use super::sync::Sync;
use super::trouble::Trouble;
use crate::clerk::metadata::Record;
use crate::ids::{EventId, Subject};
use crate::plan_table::PlanTable;
use crate::report::{Level, Report};
use crate::time::Micros;
use serde::Serialize;
use std::time::Duration;

/// How old a subscription that nobody owns may be before somebody should look at it: what links it may be on its way.
const OWNERLESS_ALARM_AFTER: Duration = Duration::from_secs(10 * 60);

/// What happened to a subject's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    /// Its first paid plan.
    Created,
    /// A higher plan.
    Upgraded,
    /// A lower plan that is paid for.
    Downgraded,
    /// The same plan; what is shown of its subscription changed.
    StatusUpdated,
    /// The default plan, since nothing grants any other.
    Deactivated,
}

/// What happened by a change; `None` if only Tollgate's own notes changed.
pub(super) fn action(change: &Change, plans: &PlanTable) -> Option<Action> {
    let rank = |record: &Record| {
        let known = record.plan.as_deref().and_then(|plan| plans.rank_of(plan));
        known.unwrap_or(plans.default_rank())
    };
    let (from, to) = (rank(&change.from), rank(&change.to));
    if to > from {
        let first = change.from.granted_by.is_none() && from == plans.default_rank();
        return Some(if first { Action::Created } else { Action::Upgraded });
    }
    if to < from {
        return Some(if change.to.granted_by.is_none() { Action::Deactivated } else { Action::Downgraded });
    }
    let shows_the_same =
        change.from.subscription == change.to.subscription && change.from.plan == change.to.plan;
    if shows_the_same { None } else { Some(Action::StatusUpdated) }
}

#[derive(Serialize)]
struct AuditLine<'a> {
    audit: Action,
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

/// The changes that Clerk has confirmed since this was last asked.
pub(super) fn changes(sync: &mut Sync, plans: &PlanTable) -> Vec<Report> {
    let changes = sync.take_changes();
    changes.iter().filter_map(|(subject, change)| changed(sync, plans, subject, change)).collect()
}

/// A change; `None` if only Tollgate's own notes changed.
pub(super) fn changed(
    sync: &Sync,
    plans: &PlanTable,
    subject: &Subject,
    change: &Change,
) -> Option<Report> {
    let line = AuditLine {
        audit: action(change, plans)?,
        event: sync.trigger.event.as_ref(),
        customer: sync.customer(),
        subject: subject.as_str(),
        old_plan: change.from.plan.as_deref(),
        new_plan: change.to.plan.as_deref(),
        status: change.to.subscription.status.as_deref(),
        reason: &sync.trigger.reason,
    };
    Some(Report::json(Level::Info, &line))
}

/// A payment that failed.
pub(super) fn payment_failed(sync: &Sync) -> Option<Report> {
    #[derive(Serialize)]
    struct Line<'a> {
        audit: &'static str,
        event: Option<&'a EventId>,
        customer: Option<&'a str>,
        subject: Option<&'a str>,
        attempt_count: u64,
        next_attempt: Option<u64>,
        r#final: bool,
    }
    let failure = sync.trigger.payment_failure.as_ref()?;
    let line = Line {
        audit: "payment_failed",
        event: sync.trigger.event.as_ref(),
        customer: sync.customer(),
        subject: sync.subjects.first().map(|subject| subject.subject.as_str()),
        attempt_count: failure.attempt_count,
        next_attempt: failure.next_attempt_s,
        r#final: failure.is_final(),
    };
    Some(Report::json(Level::Info, &line))
}

#[derive(Serialize)]
struct AlarmLine<'a> {
    alarm: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    detail: &'a str,
}

/// Something that somebody should see to.
pub(super) fn alarm(alarm: &str, event: Option<&EventId>, subject: Option<&str>, detail: &str) -> Report {
    Report::json(Level::Warn, &AlarmLine { alarm, event, subject, detail })
}

/// What a sync found for an operator to see to.
pub(super) fn alarms(facts: &Facts, event: Option<&EventId>) -> Vec<Report> {
    let mut lines = Vec::new();
    for plan_alarm in &facts.plan_alarms {
        lines.push(alarm(plan_alarm.code(), event, None, &plan_alarm.to_string()));
    }
    for key in &facts.unfit {
        let detail = format!("the metadata key {key} holds no id of the kind that belongs there");
        lines.push(alarm("unfit_subject_id", event, None, &detail));
    }
    for subject in &facts.too_many_customers {
        let detail = "more Stripe customers pay for this subject than are kept in mind; merge some of them";
        lines.push(alarm("too_many_customers", event, Some(subject.as_str()), detail));
    }
    if facts.too_many_subjects {
        let detail = "one customer pays for more subjects than one event brings in line; run `tollgate sync`";
        lines.push(alarm("too_many_subjects", event, None, detail));
    }
    if !facts.skipped.is_empty() {
        let detail =
            format!("{} ids at Stripe do not look like Stripe's and were left out", facts.skipped.len());
        lines.push(alarm("strange_ids", event, None, &detail));
    }
    lines
}

/// What a sync came to, in a word, and what it found for an operator to see to.
pub(super) fn ending(sync: &Sync, now: Micros) -> (&'static str, Vec<Report>) {
    let event = sync.trigger.event.as_ref();
    let mut lines = alarms(&sync.facts, event);
    let status = if sync.subjects.is_empty() {
        let since = sync.ownerless_since_s().map(Micros::from_secs);
        if since.is_some_and(|since| now.since(since) >= OWNERLESS_ALARM_AFTER) {
            let detail =
                "a live subscription is nobody's: neither metadata nor a Checkout Session name anyone";
            lines.push(alarm("no_subject", event, None, detail));
        }
        "no_subject"
    } else if sync.all_gone() {
        let subject = sync.subjects.first().map(|subject| subject.subject.as_str());
        let detail = "Clerk does not have this user or organization";
        lines.push(alarm("subject_gone", event, subject, detail));
        "subject_gone"
    } else {
        "processed"
    };
    (status, lines)
}

/// A sync that did not come to its end.
pub(super) fn trouble(trouble: &Trouble, event: Option<&EventId>) -> Report {
    let level = if trouble.is_alarm() { Level::Error } else { Level::Warn };
    Report::json(
        level,
        &AlarmLine { alarm: trouble.code(), event, subject: None, detail: &trouble.to_string() },
    )
}
