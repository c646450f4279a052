//! Alarms for the operator: problems that a sync has found, and errors that ended one.

use crate::alarm::{Alarm, AlarmCode};
use crate::config::SyncSettings;
use crate::ids::{EventId, Subject, SubscriptionId};
use crate::report::Report;
use crate::sync::engine::{PlanSync, SyncResult};
use crate::sync::error::SyncError;
use crate::sync::findings::{SyncFindings, shortened};
use crate::sync::trigger::{Trigger, TriggerObject};
use std::fmt;

fn alarm(code: AlarmCode, event: Option<&EventId>, subject: Option<&str>, detail: &str) -> Report {
    Alarm::warning(code, detail).event(event.map(EventId::as_str)).subject(subject).into()
}

/// Returns an alarm about an object at Stripe.
fn about(object: impl fmt::Display, code: AlarmCode, event: Option<&EventId>, detail: &str) -> Report {
    Alarm::warning(code, detail).event(event.map(EventId::as_str)).object(object).into()
}

/// Returns the alarms about the findings of a sync.
pub(crate) fn alarms(findings: &SyncFindings, event: Option<&EventId>) -> Vec<Report> {
    let mut lines = Vec::new();
    for plan_alarm in &findings.plan_alarms {
        lines.push(about(plan_alarm.object(), plan_alarm.code(), event, &plan_alarm.to_string()));
    }
    for (subject, unknown) in findings.unknown_plans.iter() {
        let alarm = Alarm::warning(AlarmCode::UnknownPlan, unknown.to_string());
        let alarm = alarm.event(event.map(EventId::as_str)).subject(Some(subject.as_str()));
        lines.push(match &unknown.granted_by {
            Some(subscription) => alarm.object(subscription).into(),
            None => alarm.into(),
        });
    }
    lines.extend(source_alarms(findings, event));
    for key in &findings.invalid_keys {
        let detail =
            format!("the value of the metadata key {key} is not a valid Clerk id of the expected kind");
        lines.push(alarm(AlarmCode::InvalidSubjectId, event, None, &detail));
    }
    for subject in &findings.too_many_customers {
        let detail = "more Stripe customers pay for this subject than Tollgate stores; merge some of them";
        lines.push(alarm(AlarmCode::TooManyCustomers, event, Some(subject.as_str()), detail));
    }
    for (subject, subscriptions) in findings.double_subscriptions.iter() {
        let ids: Vec<&str> = subscriptions.iter().map(SubscriptionId::as_str).collect();
        let detail = format!(
            "several live subscriptions charge for a plan: {}; cancel and refund those that are not meant",
            ids.join(", ")
        );
        lines.push(alarm(AlarmCode::DoubleSubscription, event, Some(subject.as_str()), &detail));
    }
    if findings.too_many_subjects {
        let detail = "one customer pays for more subjects than one event can sync; run `tollgate sync`";
        lines.push(alarm(AlarmCode::TooManySubjects, event, None, detail));
    }
    for subscription in &findings.unreadable {
        let detail = format!(
            "subscription {subscription} does not match Stripe's API reference: the plan that it granted is kept, and it \
             grants nothing more"
        );
        lines.push(about(subscription, AlarmCode::UnreadableSubscription, event, &detail));
    }
    for subscription in &findings.unknown_recorded {
        let detail = format!(
            "Clerk's record says that {subscription} grants the plan, but the account of this Stripe API key does not \
             have it: the plan was kept; check whether the record belongs to another account or mode"
        );
        lines.push(about(subscription, AlarmCode::RecordedSubscriptionUnknown, event, &detail));
    }
    for subject in &findings.gone {
        let detail = "Clerk does not have this user or organization, but a subscription grants it a plan: end the subscription, or \
                      correct the id that it names";
        lines.push(alarm(AlarmCode::SubjectGone, event, Some(subject.as_str()), detail));
    }
    lines.extend(owner_alarms(findings, event));
    if !findings.skipped.is_empty() {
        let detail = format!(
            "{} ids at Stripe contain characters that could change the path of a request; they were skipped",
            findings.skipped.len()
        );
        lines.push(alarm(AlarmCode::UnknownIds, event, None, &detail));
    }
    lines
}

/// Returns the alarms about the sources of plans other than Stripe.
fn source_alarms(findings: &SyncFindings, event: Option<&EventId>) -> Vec<Report> {
    let mut lines = Vec::new();
    for (subject, source) in findings.sources_not_read.iter() {
        let detail = format!(
            "the `plan_source` in Clerk's record is {:?}, which this document does not read: no source that it reads \
             pays for the plan, and it was kept",
            shortened(source)
        );
        lines.push(alarm(AlarmCode::UnreadPlanSource, event, Some(subject.as_str()), &detail));
    }
    for (subject, found) in &findings.clerk_alarms {
        let line = Alarm::warning(found.code(), found.to_string()).event(event.map(EventId::as_str));
        lines.push(line.subject(Some(subject.as_str())).object(found.item()).into());
    }
    for subject in &findings.clerk_billing_off {
        let detail = "Clerk refuses to show the billing subscription: Billing is switched off for users or for \
                      organizations, or the key may not read it; what Clerk Billing granted was kept";
        lines.push(alarm(AlarmCode::ClerkBillingOff, event, Some(subject.as_str()), detail));
    }
    lines
}

/// Returns the alarms about the owners of subscriptions.
fn owner_alarms(findings: &SyncFindings, event: Option<&EventId>) -> Vec<Report> {
    let mut lines = Vec::new();
    for unowned in &findings.unowned {
        let alarm = Alarm::warning(AlarmCode::NoSubject, unowned.to_string());
        let alarm = alarm.event(event.map(EventId::as_str)).object(&unowned.subscription);
        let (customer, cure) = (unowned.customer.as_str(), unowned.cure.as_str());
        lines.push(alarm.with("customer", customer).with("cure", cure).into());
    }
    for (subscription, owner, other) in &findings.disagreements {
        let detail = format!(
            "{subscription} belongs to {owner}, but metadata with lower precedence names {other}: the subscription's \
             metadata comes first, then its Checkout Session's, then its customer's; remove the wrong id"
        );
        let alarm = Alarm::warning(AlarmCode::OwnersDisagree, detail).event(event.map(EventId::as_str));
        lines.push(alarm.subject(Some(owner.as_str())).object(subscription).into());
    }
    for (subscription, why) in findings.notes_refused.iter() {
        let detail = format!(
            "the owner that the Checkout Session names could not be stored on {subscription}, so every sync reads the session: {why}"
        );
        lines.push(about(subscription, AlarmCode::NoteRefused, event, &detail));
    }
    if let Some((subscription, why)) = findings.sessions_refused() {
        let detail = format!(
            "the Checkout Sessions of {subscription} could not be read (permission: Checkout Sessions, read), so \
             they were ignored: {why}"
        );
        lines.push(about(subscription, AlarmCode::SessionsRefused, event, &detail));
    }
    for subscription in &findings.unreadable_sessions {
        let detail = format!(
            "a Checkout Session of {subscription} does not match Stripe's API reference: it was ignored, and no plan was \
             removed because of it"
        );
        lines.push(about(subscription, AlarmCode::UnreadableSession, event, &detail));
    }
    for subject in &findings.missing_sessions {
        let detail = "the plan was kept: a subscription that may grant it does not name its owner, and its Checkout \
                      Session was not read; put the Clerk id into the subscription's metadata";
        lines.push(alarm(AlarmCode::SessionsUnread, event, Some(subject.as_str()), detail));
    }
    for customer in &findings.truncated_customers {
        let detail =
            format!("{customer} has more subscriptions than Tollgate reads; the others were skipped");
        lines.push(about(customer, AlarmCode::TooManySubscriptions, event, &detail));
    }
    lines
}

/// Returns the alarms of a sync that is done.
pub(crate) fn ending_alarms(sync: &PlanSync) -> Vec<Report> {
    let event = sync.trigger.event.as_ref();
    let mut lines = alarms(&sync.findings, event);
    match sync.result() {
        SyncResult::Processed | SyncResult::NoSubject => {}
        SyncResult::SubjectGone if sync.findings.gone.is_empty() => {
            let subject = sync.subjects.first().map(|subject| subject.subject.as_str());
            let detail = "Clerk does not have this user or organization";
            lines.push(alarm(AlarmCode::SubjectGone, event, subject, detail));
        }
        SyncResult::SubjectGone => {}
    }
    lines
}

/// Returns the alarm about an error that ended a sync of this trigger.
pub(crate) fn sync_failed(error: &SyncError, settings: &SyncSettings, trigger: &FailedTrigger) -> Report {
    let alarm = error.alarm(settings).event(trigger.event.as_ref().map(EventId::as_str));
    let alarm = alarm.subject(trigger.subject.as_ref().map(Subject::as_str));
    match &trigger.object {
        Some(object) => alarm.object_if_absent(object).into(),
        None => alarm.into(),
    }
}

/// What the sync was about that an error ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FailedTrigger {
    event: Option<EventId>,
    subject: Option<Subject>,
    object: Option<String>,
}

impl FailedTrigger {
    /// Creates it from the trigger of a sync. `subject` is the first subject that was found, if any.
    pub(crate) fn new(trigger: &Trigger, subject: Option<&Subject>) -> Self {
        let object = match &trigger.object {
            TriggerObject::Subscription(id) => Some(id.as_str().to_owned()),
            TriggerObject::Customer(id) => Some(id.as_str().to_owned()),
            TriggerObject::Subjects(_) => None,
        };
        let named = trigger.named.first().map(|named| &named.subject);
        FailedTrigger { event: trigger.event.clone(), subject: subject.or(named).cloned(), object }
    }

    /// Creates it for an event about a subject that was deleted at Clerk.
    pub(crate) fn of_deletion(event: &EventId, subject: &Subject) -> Self {
        FailedTrigger { event: Some(event.clone()), subject: Some(subject.clone()), object: None }
    }
}
