//! The lines that operators read: each change of a plan, each failed payment, and what somebody should see to.

use crate::clerk::metadata::Record;
use crate::ids::{EventId, Subject};
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::report::{Level, Report};
use crate::sync::engine::{PlanSync, SyncResult};
use crate::sync::error::SyncError;
use crate::sync::findings::{SyncFindings, shortened};
use crate::sync::subject::Change;
use crate::time::Micros;
use serde::Serialize;
use std::cmp::Ordering;
use std::time::Duration;

/// How old a subscription that nobody owns may be before somebody should look at it: what links it may be on its way.
const OWNERLESS_ALARM_AFTER: Duration = Duration::from_secs(10 * 60);

/// What happened to a subject's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
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

/// Each with the number by which it is remembered.
const ACTIONS: [(u8, Action); 5] = [
    (1, Action::Created),
    (2, Action::Upgraded),
    (3, Action::Downgraded),
    (4, Action::StatusUpdated),
    (5, Action::Deactivated),
];

impl Action {
    /// The number by which it is remembered.
    pub(crate) fn number(self) -> u8 {
        ACTIONS.iter().find(|(_, action)| *action == self).map_or(0, |(number, _)| *number)
    }

    /// The action of that number.
    pub(crate) fn of_number(number: u8) -> Option<Self> {
        ACTIONS.iter().find(|(known, _)| *known == number).map(|(_, action)| *action)
    }
}

/// What the audit tells of a change, besides what is shown after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditEntry {
    /// What happens by it.
    pub(crate) action: Action,
    /// The plan before it.
    pub(crate) old_plan: Option<String>,
}

impl AuditEntry {
    /// The same change, to what is shown now, seen from another plan than the one that it was reckoned from.
    pub(crate) fn rebased(self, old_plan: Option<String>, shown: &Record, plans: &PlanTable) -> Self {
        let cause = match self.action {
            Action::Created => Cause::First,
            Action::StatusUpdated => Cause::Same,
            Action::Upgraded | Action::Downgraded | Action::Deactivated => Cause::Other,
        };
        let action = step(old_plan.as_deref(), shown, cause, plans);
        AuditEntry { action, old_plan }
    }
}

/// What the audit tells of a change; `None` if only Tollgate's own notes changed.
pub(crate) fn before(change: &Change, plans: &PlanTable) -> Option<AuditEntry> {
    Some(AuditEntry { action: action(change, plans)?, old_plan: change.from.plan.clone() })
}

/// What happened by a change; `None` if only Tollgate's own notes changed.
fn action(change: &Change, plans: &PlanTable) -> Option<Action> {
    let cause = match (&change.from.granted_by, &change.to.granted_by) {
        (None, _) => Cause::First,
        (from, to) if from == to => Cause::Same,
        _ => Cause::Other,
    };
    let action = step(change.from.plan.as_deref(), &change.to, cause, plans);
    let shows_the_same =
        change.from.subscription == change.to.subscription && change.from.plan == change.to.plan;
    (action != Action::StatusUpdated || !shows_the_same).then_some(action)
}

/// What grants the plan after a step, seen from what granted the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Nothing did before.
    First,
    /// The same subscription.
    Same,
    /// Another subscription, or nothing any more.
    Other,
}

/// What happens by the step from a plan to what is shown then.
fn step(from: Option<&str>, to: &Record, cause: Cause, plans: &PlanTable) -> Action {
    let default = plans.default_rank();
    let order = match (plans.recorded(from), plans.recorded(to.plan.as_deref())) {
        _ if from == to.plan.as_deref() => Ordering::Equal,
        (RecordedPlan::Unknown(_), RecordedPlan::Known(new)) if new > default => match cause {
            Cause::First => return Action::Created,
            // By another name, or for another price: which of the two is more is not known here.
            Cause::Same => Ordering::Equal,
            Cause::Other => Ordering::Less,
        },
        (RecordedPlan::Unknown(_), _) | (_, RecordedPlan::Unknown(_)) => Ordering::Less,
        (old, new) => rank(new, plans).cmp(&rank(old, plans)),
    };
    match order {
        Ordering::Greater
            if cause == Cause::First && from.is_none_or(|from| plans.rank_of(from) == Some(default)) =>
        {
            Action::Created
        }
        Ordering::Greater => Action::Upgraded,
        Ordering::Less if to.granted_by.is_none() && shows_default(to, plans) => Action::Deactivated,
        Ordering::Less => Action::Downgraded,
        Ordering::Equal => Action::StatusUpdated,
    }
}

fn rank(plan: RecordedPlan<'_>, plans: &PlanTable) -> Rank {
    match plan {
        RecordedPlan::Known(rank) => rank,
        RecordedPlan::None | RecordedPlan::Unknown(_) => plans.default_rank(),
    }
}

fn shows_default(record: &Record, plans: &PlanTable) -> bool {
    !plans.recorded(record.plan.as_deref()).is_above_default()
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

/// A change, as the audit tells it.
pub(crate) fn told(sync: &PlanSync, subject: &Subject, before: &AuditEntry, shown: &Record) -> Report {
    let line = AuditLine {
        audit: before.action,
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

/// A payment that failed.
pub(crate) fn payment_failed(sync: &PlanSync) -> Option<Report> {
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
pub(crate) fn alarm(alarm: &str, event: Option<&EventId>, subject: Option<&str>, detail: &str) -> Report {
    Report::json(Level::Warn, &AlarmLine { alarm, event, subject, detail })
}

/// What a sync found for an operator to see to.
pub(crate) fn alarms(findings: &SyncFindings, event: Option<&EventId>) -> Vec<Report> {
    let mut lines = Vec::new();
    for plan_alarm in &findings.plan_alarms {
        lines.push(alarm(plan_alarm.code(), event, None, &plan_alarm.to_string()));
    }
    for (subject, unknown) in findings.unknown_plans.iter() {
        lines.push(alarm("unknown_plan", event, Some(subject.as_str()), &unknown.to_string()));
    }
    for (subject, source) in findings.unread_sources.iter() {
        let detail = format!(
            "the plan's `plan_source` in Clerk's record is {:?}, which this release does not read: nothing at Stripe pays \
             for the plan, and it was kept",
            shortened(source)
        );
        lines.push(alarm("unread_plan_source", event, Some(subject.as_str()), &detail));
    }
    for key in &findings.unfit {
        let detail = format!("the metadata key {key} holds no id of the kind that belongs there");
        lines.push(alarm("unfit_subject_id", event, None, &detail));
    }
    for subject in &findings.too_many_customers {
        let detail = "more Stripe customers pay for this subject than are kept in mind; merge some of them";
        lines.push(alarm("too_many_customers", event, Some(subject.as_str()), detail));
    }
    if findings.too_many_subjects {
        let detail = "one customer pays for more subjects than one event brings in line; run `tollgate sync`";
        lines.push(alarm("too_many_subjects", event, None, detail));
    }
    for subscription in &findings.unreadable {
        let detail = format!(
            "subscription {subscription} is not as Stripe's API describes it: what it granted is kept, and it grants \
             nothing more"
        );
        lines.push(alarm("unreadable_subscription", event, None, &detail));
    }
    for subscription in &findings.unknown_recorded {
        let detail = format!(
            "Clerk says that {subscription} grants the plan, and this Stripe API key does not know it: nothing is taken \
             away; is the record of another account or mode?"
        );
        lines.push(alarm("recorded_subscription_unknown", event, None, &detail));
    }
    for subject in &findings.gone {
        let detail = "Clerk does not have this user or organization, and a subscription grants it a plan";
        lines.push(alarm("subject_gone", event, Some(subject.as_str()), detail));
    }
    lines.extend(owner_alarms(findings, event));
    if !findings.skipped.is_empty() {
        let detail = format!(
            "{} ids at Stripe could change the path of a request and were left out",
            findings.skipped.len()
        );
        lines.push(alarm("strange_ids", event, None, &detail));
    }
    lines
}

/// What a sync found of whose subscriptions are.
fn owner_alarms(findings: &SyncFindings, event: Option<&EventId>) -> Vec<Report> {
    let mut lines = Vec::new();
    for (subscription, owner, other) in &findings.disagreements {
        let detail = format!(
            "{subscription} belongs to {owner}, but what counts less names {other}: the first counts of the \
             subscription's metadata, its Checkout Session's, its customer's"
        );
        lines.push(alarm("owners_disagree", event, Some(owner.as_str()), &detail));
    }
    for (subscription, why) in findings.notes_refused.iter() {
        let detail = format!(
            "what the Checkout Session says could not be noted on {subscription}, so it is read each time: {why}"
        );
        lines.push(alarm("note_refused", event, None, &detail));
    }
    if let Some((subscription, why)) = findings.sessions_refused() {
        let detail = format!(
            "the Checkout Sessions of {subscription} could not be read (permission: Checkout Sessions, read), so what \
             they say did not count: {why}"
        );
        lines.push(alarm("sessions_refused", event, None, &detail));
    }
    for subscription in &findings.unreadable_sessions {
        let detail = format!(
            "a Checkout Session of {subscription} is not as Stripe's API describes it: what it says did not count, and \
             nothing is taken away for that"
        );
        lines.push(alarm("unreadable_session", event, None, &detail));
    }
    for subject in &findings.unread_sessions {
        let detail = "the plan is kept: a subscription that may grant it does not say whose it is, and its Checkout \
                      Session was not read; put the Clerk id into the subscription's metadata";
        lines.push(alarm("sessions_unread", event, Some(subject.as_str()), detail));
    }
    for customer in &findings.cut_customers {
        let detail = format!("{customer} has more subscriptions than are read; the others were left out");
        lines.push(alarm("too_many_subscriptions", event, None, &detail));
    }
    lines
}

/// Returns what a sync that is done found for an operator to see to.
pub(crate) fn ending_alarms(sync: &PlanSync, now: Micros) -> Vec<Report> {
    let event = sync.trigger.event.as_ref();
    let mut lines = alarms(&sync.findings, event);
    match sync.result() {
        SyncResult::Processed => {}
        SyncResult::NoSubject => {
            let since = sync.ownerless_since_s().map(Micros::from_secs);
            if since.is_some_and(|since| now.since(since) >= OWNERLESS_ALARM_AFTER) {
                let detail =
                    "a live subscription is nobody's: neither metadata nor a Checkout Session name anyone";
                lines.push(alarm("no_subject", event, None, detail));
            }
        }
        SyncResult::SubjectGone if sync.findings.gone.is_empty() => {
            let subject = sync.subjects.first().map(|subject| subject.subject.as_str());
            let detail = "Clerk does not have this user or organization";
            lines.push(alarm("subject_gone", event, subject, detail));
        }
        SyncResult::SubjectGone => {}
    }
    lines
}

/// A sync that did not come to its end.
pub(crate) fn sync_failed(error: &SyncError, event: Option<&EventId>) -> Report {
    let level = if error.is_alarm() { Level::Error } else { Level::Warn };
    Report::json(level, &AlarmLine { alarm: error.code(), event, subject: None, detail: &error.to_string() })
}
