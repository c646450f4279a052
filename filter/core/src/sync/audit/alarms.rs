//! What somebody should see to: what a sync has found, and why one has failed.

use crate::alarm::{Alarm, AlarmCode};
use crate::ids::EventId;
use crate::report::Report;
use crate::sync::engine::{PlanSync, SyncResult};
use crate::sync::error::SyncError;
use crate::sync::findings::{SyncFindings, shortened};
use crate::time::Micros;
use std::fmt;
use std::time::Duration;

/// How old a subscription that nobody owns may be before somebody should look at it: what links it may be on
/// its way.
const OWNERLESS_ALARM_AFTER: Duration = Duration::from_secs(10 * 60);

fn alarm(code: AlarmCode, event: Option<&EventId>, subject: Option<&str>, detail: &str) -> Report {
    Alarm::warning(code, detail).event(event.map(EventId::as_str)).subject(subject).into()
}

/// Returns an alarm about an object at Stripe.
fn about(object: impl fmt::Display, code: AlarmCode, event: Option<&EventId>, detail: &str) -> Report {
    Alarm::warning(code, detail).event(event.map(EventId::as_str)).object(object).into()
}

/// Returns what a sync found for an operator to see to.
pub(crate) fn alarms(findings: &SyncFindings, event: Option<&EventId>) -> Vec<Report> {
    let mut lines = Vec::new();
    for plan_alarm in &findings.plan_alarms {
        lines.push(about(plan_alarm.object(), plan_alarm.code(), event, &plan_alarm.to_string()));
    }
    for (subject, unknown) in findings.unknown_plans.iter() {
        lines.push(alarm(AlarmCode::UnknownPlan, event, Some(subject.as_str()), &unknown.to_string()));
    }
    for (subject, source) in findings.unread_sources.iter() {
        let detail = format!(
            "the plan's `plan_source` in Clerk's record is {:?}, which this release does not read: nothing at Stripe pays \
             for the plan, and it was kept",
            shortened(source)
        );
        lines.push(alarm(AlarmCode::UnreadPlanSource, event, Some(subject.as_str()), &detail));
    }
    for key in &findings.invalid_keys {
        let detail = format!("the metadata key {key} holds no id of the kind that belongs there");
        lines.push(alarm(AlarmCode::InvalidSubjectId, event, None, &detail));
    }
    for subject in &findings.too_many_customers {
        let detail = "more Stripe customers pay for this subject than are kept in mind; merge some of them";
        lines.push(alarm(AlarmCode::TooManyCustomers, event, Some(subject.as_str()), detail));
    }
    if findings.too_many_subjects {
        let detail = "one customer pays for more subjects than one event brings in line; run `tollgate sync`";
        lines.push(alarm(AlarmCode::TooManySubjects, event, None, detail));
    }
    for subscription in &findings.unreadable {
        let detail = format!(
            "subscription {subscription} is not as Stripe's API describes it: what it granted is kept, and it grants \
             nothing more"
        );
        lines.push(about(subscription, AlarmCode::UnreadableSubscription, event, &detail));
    }
    for subscription in &findings.unknown_recorded {
        let detail = format!(
            "Clerk says that {subscription} grants the plan, and this Stripe API key does not know it: nothing is taken \
             away; is the record of another account or mode?"
        );
        lines.push(about(subscription, AlarmCode::RecordedSubscriptionUnknown, event, &detail));
    }
    for subject in &findings.gone {
        let detail = "Clerk does not have this user or organization, and a subscription grants it a plan";
        lines.push(alarm(AlarmCode::SubjectGone, event, Some(subject.as_str()), detail));
    }
    lines.extend(owner_alarms(findings, event));
    if !findings.skipped.is_empty() {
        let detail = format!(
            "{} ids at Stripe could change the path of a request and were left out",
            findings.skipped.len()
        );
        lines.push(alarm(AlarmCode::UnknownIds, event, None, &detail));
    }
    lines
}

/// Returns what a sync found of whose subscriptions are.
fn owner_alarms(findings: &SyncFindings, event: Option<&EventId>) -> Vec<Report> {
    let mut lines = Vec::new();
    for (subscription, owner, other) in &findings.disagreements {
        let detail = format!(
            "{subscription} belongs to {owner}, but what counts less names {other}: the first counts of the \
             subscription's metadata, its Checkout Session's, its customer's"
        );
        lines.push(alarm(AlarmCode::OwnersDisagree, event, Some(owner.as_str()), &detail));
    }
    for (subscription, why) in findings.notes_refused.iter() {
        let detail = format!(
            "what the Checkout Session says could not be noted on {subscription}, so it is read each time: {why}"
        );
        lines.push(about(subscription, AlarmCode::NoteRefused, event, &detail));
    }
    if let Some((subscription, why)) = findings.sessions_refused() {
        let detail = format!(
            "the Checkout Sessions of {subscription} could not be read (permission: Checkout Sessions, read), so what \
             they say did not count: {why}"
        );
        lines.push(about(subscription, AlarmCode::SessionsRefused, event, &detail));
    }
    for subscription in &findings.unreadable_sessions {
        let detail = format!(
            "a Checkout Session of {subscription} is not as Stripe's API describes it: what it says did not count, and \
             nothing is taken away for that"
        );
        lines.push(about(subscription, AlarmCode::UnreadableSession, event, &detail));
    }
    for subject in &findings.unread_sessions {
        let detail = "the plan is kept: a subscription that may grant it does not say whose it is, and its Checkout \
                      Session was not read; put the Clerk id into the subscription's metadata";
        lines.push(alarm(AlarmCode::SessionsUnread, event, Some(subject.as_str()), detail));
    }
    for customer in &findings.cut_customers {
        let detail = format!("{customer} has more subscriptions than are read; the others were left out");
        lines.push(about(customer, AlarmCode::TooManySubscriptions, event, &detail));
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
                lines.push(alarm(AlarmCode::NoSubject, event, None, detail));
            }
        }
        SyncResult::SubjectGone if sync.findings.gone.is_empty() => {
            let subject = sync.subjects.first().map(|subject| subject.subject.as_str());
            let detail = "Clerk does not have this user or organization";
            lines.push(alarm(AlarmCode::SubjectGone, event, subject, detail));
        }
        SyncResult::SubjectGone => {}
    }
    lines
}

/// A sync that did not come to its end.
pub(crate) fn sync_failed(error: &SyncError, event: Option<&EventId>) -> Report {
    let (code, detail) = (error.alarm_code(), error.to_string());
    let alarm = if error.is_alarm() { Alarm::error(code, detail) } else { Alarm::warning(code, detail) };
    alarm.event(event.map(EventId::as_str)).into()
}
