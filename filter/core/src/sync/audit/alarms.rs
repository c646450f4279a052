//! Alarms for the operator: problems that a sync has found, and errors that ended one.

use crate::alarm::{Alarm, AlarmCode, UNKNOWN_IDS_CURE};
use crate::config::SyncSettings;
use crate::ids::{EventId, Subject, SubscriptionId};
use crate::report::Report;
use crate::sync::engine::{PlanSync, SyncResult};
use crate::sync::error::SyncError;
use crate::sync::findings::{SyncFindings, shortened};
use crate::sync::trigger::{Trigger, TriggerObject};

/// The ids of what a sync was about, for its alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TriggerIds {
    event: Option<EventId>,
    subject: Option<Subject>,
    object: Option<String>,
}

impl TriggerIds {
    /// Creates it from the trigger of a sync. `subject` is the first subject that was found, if any.
    pub(crate) fn new(trigger: &Trigger, subject: Option<&Subject>) -> Self {
        let object = match &trigger.object {
            TriggerObject::Subscription(id) => Some(id.as_str().to_owned()),
            TriggerObject::Customer(id) => Some(id.as_str().to_owned()),
            TriggerObject::Subjects(_) => None,
        };
        let named = trigger.named.first().map(|named| &named.subject);
        TriggerIds { event: trigger.event.clone(), subject: subject.or(named).cloned(), object }
    }

    /// Creates it for an event about a subject that was deleted at Clerk.
    pub(crate) fn of_deletion(event: &EventId, subject: &Subject) -> Self {
        TriggerIds { event: Some(event.clone()), subject: Some(subject.clone()), object: None }
    }

    /// Returns an alarm about a finding.
    fn alarm(&self, code: AlarmCode, cause: impl Into<String>, cure: impl Into<String>) -> Alarm {
        Alarm::warning(code, cause, cure).event(self.event.as_ref().map(EventId::as_str))
    }

    /// Returns the alarm with the object that the sync was about, if it has no other.
    fn with_object(&self, alarm: Alarm) -> Report {
        match &self.object {
            Some(object) => alarm.object_if_absent(object).into(),
            None => alarm.into(),
        }
    }
}

/// Returns the alarms about the findings of a sync.
pub(crate) fn alarms(findings: &SyncFindings, trigger: &TriggerIds) -> Vec<Report> {
    let mut lines = subscription_alarms(findings, trigger);
    lines.extend(record_alarms(findings, trigger));
    lines.extend(owner_alarms(findings, trigger));
    lines.extend(session_alarms(findings, trigger));
    if findings.too_many_subjects {
        let cause = "one customer pays for more subjects than one event can sync";
        lines.push(trigger.with_object(trigger.alarm(
            AlarmCode::TooManySubjects,
            cause,
            "run `tollgate sync`",
        )));
    }
    if !findings.skipped.is_empty() {
        let cause = format!(
            "{} ids at Stripe contain characters that could change the path of a request, so they were skipped",
            findings.skipped.len()
        );
        lines.push(trigger.with_object(trigger.alarm(AlarmCode::UnknownIds, cause, UNKNOWN_IDS_CURE)));
    }
    lines
}

/// Returns the alarms about what subscriptions grant.
fn subscription_alarms(findings: &SyncFindings, trigger: &TriggerIds) -> Vec<Report> {
    let mut lines = Vec::new();
    for found in &findings.plan_alarms {
        lines
            .push(trigger.alarm(found.code(), found.to_string(), found.cure()).object(found.object()).into());
    }
    for subscription in &findings.unreadable {
        let cause = format!(
            "subscription {subscription} does not match Stripe's API reference: the plan that it granted is kept, and it \
             grants nothing more"
        );
        let cure = "look at it at Stripe; if nothing is wrong with it, update Tollgate, or report this line";
        lines.push(trigger.alarm(AlarmCode::UnreadableSubscription, cause, cure).object(subscription).into());
    }
    for subscription in &findings.unknown_recorded {
        let cause = format!(
            "Clerk's record says that {subscription} grants the plan, but the account of this Stripe API key does not \
             have it, so the plan was kept"
        );
        let cure = "check account and mode of the key; if the record is wrong, remove \
                    `private_metadata.stripe_subscription` and sync the customer again";
        let alarm = trigger.alarm(AlarmCode::RecordedSubscriptionUnknown, cause, cure);
        lines.push(alarm.object(subscription).into());
    }
    for customer in &findings.truncated_customers {
        let cause =
            format!("{customer} has more subscriptions than Tollgate reads, and the others were skipped");
        let cure = "end the unused subscriptions of the customer";
        lines.push(trigger.alarm(AlarmCode::TooManySubscriptions, cause, cure).object(customer).into());
    }
    lines
}

/// Returns the alarms about Clerk's records, and about sources of plans other than Stripe.
fn record_alarms(findings: &SyncFindings, trigger: &TriggerIds) -> Vec<Report> {
    let mut lines = Vec::new();
    for (subject, unknown) in findings.unknown_plans.iter() {
        let cure = "add the plan to `plans`, or correct the record";
        let alarm = trigger.alarm(AlarmCode::UnknownPlan, unknown.to_string(), cure);
        let alarm = alarm.subject(Some(subject.as_str()));
        lines.push(match &unknown.granted_by {
            Some(subscription) => alarm.object(subscription).into(),
            None => alarm.into(),
        });
    }
    for (subject, source) in findings.sources_not_read.iter() {
        let source = shortened(source);
        let cause = format!(
            "the `plan_source` in Clerk's record is {source:?}, which this document does not read: no source that it \
             reads pays for the plan, and it was kept"
        );
        let cure = format!(
            "configure that source too, or give it up with `tollgate sync --release-source {source} --apply`"
        );
        let alarm = trigger.alarm(AlarmCode::UnreadPlanSource, cause, cure);
        lines.push(alarm.subject(Some(subject.as_str())).into());
    }
    for (subject, found) in &findings.clerk_alarms {
        let alarm = trigger.alarm(found.code(), found.to_string(), found.cure());
        lines.push(alarm.subject(Some(subject.as_str())).object(found.item()).into());
    }
    for subject in &findings.clerk_billing_off {
        let cause = "Clerk refuses to show the billing subscription, because Billing is switched off for users or for \
                     organizations, or the key may not read it; what Clerk Billing granted was kept";
        let cure = "switch Billing on at Clerk, or write `clerk_webhook.billing: off`";
        let alarm = trigger.alarm(AlarmCode::ClerkBillingOff, cause, cure);
        lines.push(alarm.subject(Some(subject.as_str())).into());
    }
    for (subject, granted_by) in findings.gone.iter() {
        let cause = "Clerk does not have this user or organization, but a subscription grants it a plan";
        let cure = "end the subscription, or correct the id that it names";
        let alarm = trigger.alarm(AlarmCode::SubjectGone, cause, cure).subject(Some(subject.as_str()));
        lines.push(match granted_by {
            Some(subscription) => alarm.object(subscription).into(),
            None => trigger.with_object(alarm),
        });
    }
    lines
}

/// Returns the alarms about the owners of subscriptions.
fn owner_alarms(findings: &SyncFindings, trigger: &TriggerIds) -> Vec<Report> {
    let mut lines = Vec::new();
    for unowned in &findings.unowned {
        let alarm = trigger.alarm(AlarmCode::NoSubject, unowned.to_string(), unowned.cure.as_str());
        let alarm = alarm.object(&unowned.subscription);
        lines.push(alarm.with("customer", unowned.customer.as_str()).into());
    }
    for (key, object) in findings.invalid_keys.iter() {
        let cause =
            format!("the value of the metadata key {key} is not a valid Clerk id of the expected kind");
        let cure = "correct it in the metadata of the subscription, its Checkout Session, or its customer";
        let alarm = trigger.alarm(AlarmCode::InvalidSubjectId, cause, cure);
        lines.push(match object {
            Some(subscription) => alarm.object(subscription).into(),
            None => trigger.with_object(alarm),
        });
    }
    for (subscription, owner, other) in &findings.disagreements {
        let cause = format!(
            "{subscription} belongs to {owner}, but metadata with lower precedence names {other}: the subscription's \
             metadata comes first, then its Checkout Session's, then its customer's"
        );
        let alarm = trigger.alarm(AlarmCode::OwnersDisagree, cause, "remove the wrong id");
        lines.push(alarm.subject(Some(owner.as_str())).object(subscription).into());
    }
    for (subject, customer) in findings.too_many_customers.iter() {
        let cause =
            format!("more Stripe customers pay for this subject than Tollgate stores, such as {customer}");
        let cure = "move its subscriptions to fewer customers";
        let alarm = trigger.alarm(AlarmCode::TooManyCustomers, cause, cure);
        lines.push(alarm.subject(Some(subject.as_str())).object(customer).into());
    }
    for (subject, subscriptions) in findings.double_subscriptions.iter() {
        let ids: Vec<&str> = subscriptions.iter().map(SubscriptionId::as_str).collect();
        let cause = format!("several live subscriptions charge for a plan: {}", ids.join(", "));
        let cure = "cancel and refund those that are not meant";
        let alarm = trigger.alarm(AlarmCode::DoubleSubscription, cause, cure);
        let alarm = alarm.subject(Some(subject.as_str()));
        lines.push(match subscriptions.first() {
            Some(first) => alarm.object(first).into(),
            None => alarm.into(),
        });
    }
    lines
}

/// Returns the alarms about Checkout Sessions, which may name the owner of a subscription.
fn session_alarms(findings: &SyncFindings, trigger: &TriggerIds) -> Vec<Report> {
    const NAME_OWNER: &str = "put the Clerk id of its owner into the subscription's metadata";
    let mut lines = Vec::new();
    for (subscription, why) in findings.notes_refused.iter() {
        let cause = format!(
            "the owner that the Checkout Session names could not be stored on {subscription}, so every sync reads the \
             session: {why}"
        );
        let cure = format!("give the key the permission if it lacks one, or {NAME_OWNER}");
        lines.push(trigger.alarm(AlarmCode::NoteRefused, cause, cure).object(subscription).into());
    }
    if let Some((subscription, why)) = findings.sessions_refused() {
        let cause =
            format!("the Checkout Sessions of {subscription} could not be read, so they were ignored: {why}");
        let cure = format!("give the key the permission Checkout Sessions, read, or {NAME_OWNER}");
        lines.push(trigger.alarm(AlarmCode::SessionsRefused, cause, cure).object(subscription).into());
    }
    for subscription in &findings.unreadable_sessions {
        let cause = format!(
            "a Checkout Session of {subscription} does not match Stripe's API reference: it was ignored, and no plan was \
             removed because of it"
        );
        lines
            .push(trigger.alarm(AlarmCode::UnreadableSession, cause, NAME_OWNER).object(subscription).into());
    }
    for (subject, subscription) in findings.missing_sessions.iter() {
        let cause = format!(
            "the plan was kept, because subscription {subscription} may grant it, but names no owner, and its Checkout \
             Session was not read"
        );
        let alarm = trigger.alarm(AlarmCode::SessionsUnread, cause, NAME_OWNER);
        lines.push(alarm.subject(Some(subject.as_str())).object(subscription).into());
    }
    lines
}

/// Returns the alarms of a sync that is done.
pub(crate) fn ending_alarms(sync: &PlanSync) -> Vec<Report> {
    let subject = sync.subjects.first().map(|subject| &subject.subject);
    let trigger = TriggerIds::new(&sync.trigger, subject);
    let mut lines = alarms(&sync.findings, &trigger);
    match sync.result() {
        SyncResult::Processed | SyncResult::NoSubject => {}
        SyncResult::SubjectGone if sync.findings.gone.is_empty() => {
            let cause = "Clerk does not have this user or organization, and no subscription grants it a plan";
            let cure = "nothing to do if it was deleted; otherwise correct the id in the metadata at Stripe";
            let alarm = trigger.alarm(AlarmCode::SubjectGone, cause, cure);
            lines.push(trigger.with_object(alarm.subject(subject.map(Subject::as_str))));
        }
        SyncResult::SubjectGone => {}
    }
    lines
}

/// Returns the alarm about an error that ended a sync of this trigger.
pub(crate) fn sync_failed(error: &SyncError, settings: &SyncSettings, trigger: &TriggerIds) -> Report {
    let alarm = error.alarm(settings).event(trigger.event.as_ref().map(EventId::as_str));
    trigger.with_object(alarm.subject(trigger.subject.as_ref().map(Subject::as_str)))
}
