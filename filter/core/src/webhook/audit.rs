//! The lines that operators read: each change of a plan, each failed payment, and what somebody should see to.

use super::facts::Facts;
use super::subject_sync::Change;
use super::sync::Sync;
use super::trouble::Trouble;
use crate::clerk::metadata::Record;
use crate::ids::EventId;
use crate::plan_table::PlanTable;
use crate::report::{Level, Report};
use serde::Serialize;

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
    event: &'a EventId,
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
    let mut lines = Vec::new();
    let changes = sync.take_changes();
    for (subject, change) in &changes {
        let Some(action) = action(change, plans) else { continue };
        let line = AuditLine {
            audit: action,
            event: &sync.trigger.event,
            customer: sync.customer(),
            subject: subject.as_str(),
            old_plan: change.from.plan.as_deref(),
            new_plan: change.to.plan.as_deref(),
            status: change.to.subscription.status.as_deref(),
            reason: &sync.trigger.reason,
        };
        lines.push(Report::json(Level::Info, &line));
    }
    lines
}

/// A payment that failed.
pub(super) fn payment_failed(sync: &Sync) -> Option<Report> {
    #[derive(Serialize)]
    struct Line<'a> {
        audit: &'static str,
        event: &'a EventId,
        customer: Option<&'a str>,
        subject: Option<&'a str>,
        attempt_count: u64,
        next_attempt: Option<u64>,
        r#final: bool,
    }
    let failure = sync.trigger.payment_failure.as_ref()?;
    let line = Line {
        audit: "payment_failed",
        event: &sync.trigger.event,
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
    event: &'a EventId,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    detail: &'a str,
}

/// Something that somebody should see to.
pub(super) fn alarm(alarm: &str, event: &EventId, subject: Option<&str>, detail: &str) -> Report {
    Report::json(Level::Warn, &AlarmLine { alarm, event, subject, detail })
}

/// What a sync found for an operator to see to.
pub(super) fn alarms(facts: &Facts, event: &EventId) -> Vec<Report> {
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

/// A sync that did not come to its end.
pub(super) fn trouble(trouble: &Trouble, event: &EventId) -> Report {
    let level = if trouble.is_alarm() { Level::Error } else { Level::Warn };
    Report::json(
        level,
        &AlarmLine { alarm: trouble.code(), event, subject: None, detail: &trouble.to_string() },
    )
}
