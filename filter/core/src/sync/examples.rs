//! The alarms of syncs that `docs/alarms.md` shows.

use super::audit::{TriggerIds, alarms as alarms_about, sync_failed};
use super::findings::{SyncFindings, UnknownPlan};
use super::{ListSessions, Service, SessionsResponse, SyncError, SyncState, Trigger, TriggerObject};
use crate::clerk::billing::ClerkPlanAlarm;
use crate::examples::{NOW, event, refused, stripe_webhook, user};
use crate::http::TlsFailure;
use crate::ids::{BillingItemId, CustomerId, Subject, SubscriptionId};
use crate::report::Report;
use crate::stripe::checkout_session::SessionList;
use crate::stripe::outcome::{MissingPermission, StripeApiError};
use crate::stripe::plan::{PlanAlarm, PlanNameSource};
use crate::stripe::subscription::{Subscription, UnreadablePart};

/// Returns the alarms of the page.
pub(crate) fn alarms() -> Vec<Report> {
    let mut state = SyncState::new(stripe_webhook().map_section(|section| section.sync));
    let mut findings = SyncFindings::default();
    about_owners(&mut findings, &mut state);
    about_plans(&mut findings);
    let trigger = TriggerIds::new(&trigger(), Some(&user()));
    let mut lines = alarms_about(&findings, &trigger);
    lines.extend(failures(&state, &trigger));
    lines
}

fn subscription(id: &str) -> SubscriptionId {
    SubscriptionId::parse(id).unwrap()
}

fn about_owners(findings: &mut SyncFindings, state: &mut SyncState) {
    let sub_1 = || subscription("sub_1");
    unowned(findings, state);
    findings.record_invalid_keys(&["clerk_user_id".to_owned()], Some(&sub_1()));
    findings.too_many_customers.insert(user(), CustomerId::parse("cus_21").unwrap());
    findings.double_subscriptions.insert(user(), vec![sub_1(), subscription("sub_2")]);
    findings.too_many_subjects = true;
    findings.gone.insert(user(), Some(sub_1()));
    findings.skipped.extend(["sub_1/../2", "cus_1?limit=100"].map(str::to_owned));
    findings.disagreements.insert((sub_1(), user(), Subject::parse("user_2").unwrap()));
    findings
        .notes_refused
        .insert(sub_1(), missing("POST /v1/subscriptions/:id", "subscription_write").to_string());
    let denied = missing("GET /v1/checkout/sessions", "checkout_session_read");
    let request = ListSessions(subscription("sub_2"));
    findings.store_sessions(state, request, SessionsResponse::Refused(denied));
    findings.unreadable_sessions.insert(sub_1());
    findings.missing_sessions.insert(user(), sub_1());
    findings.truncated_customers.insert(CustomerId::parse("cus_1").unwrap());
}

/// Records a live subscription without an owner.
fn unowned(findings: &mut SyncFindings, state: &SyncState) {
    let body = br#"{"id": "sub_1", "customer": "cus_1", "status": "active", "metadata": {}, "created": 1, "items": {"data": []}}"#;
    let subscription = Subscription::parse(body).unwrap();
    let sessions = SessionList { sessions: Vec::new(), unreadable: false };
    let request = ListSessions(subscription.id.clone());
    findings.store_sessions(state, request, SessionsResponse::Listed(sessions));
    let claims = findings.claims(state, &subscription, NOW);
    findings.record_unowned(&state.settings, &subscription, &claims);
}

fn about_plans(findings: &mut SyncFindings) {
    let subscription = subscription("sub_1");
    let alarms = [
        PlanAlarm::Unmapped {
            subscription: subscription.clone(),
            prices: vec!["price_456".to_owned()],
            keeps_plan: false,
        },
        PlanAlarm::Misspelled {
            location: PlanNameSource::PriceMetadata("price_456".to_owned()),
            value: "Pro".to_owned(),
            configured: "pro".to_owned(),
        },
        PlanAlarm::UnknownStatus { subscription: subscription.clone(), status: "suspended".to_owned() },
        PlanAlarm::NoGraceStart { subscription: subscription.clone() },
        PlanAlarm::ItemsCut { subscription: subscription.clone() },
        PlanAlarm::Unreadable { subscription: subscription.clone(), part: UnreadablePart::Item },
    ];
    for alarm in alarms {
        findings.plan_alarms.insert(alarm);
    }
    let unknown = UnknownPlan { name: "gold".to_owned(), granted_by: Some(subscription.clone()) };
    findings.unknown_plans.insert(user(), unknown);
    findings.sources_not_read.insert(user(), "clerk_billing".to_owned());
    let item = BillingItemId::parse("csub_item_1").unwrap();
    findings.clerk_alarms.push((user(), ClerkPlanAlarm::UnmappedSlug { item, slug: "gold".to_owned() }));
    findings.clerk_billing_off.insert(user());
    findings.unreadable.insert(subscription.clone());
    findings.unknown_recorded.insert(subscription);
}

/// Returns the trigger of the syncs.
fn trigger() -> Trigger {
    let object = TriggerObject::Subscription(subscription("sub_1"));
    Trigger { event: Some(event()), ..Trigger::new("customer.subscription.updated", object) }
}

/// Returns the alarms about errors that end a sync.
fn failures(state: &SyncState, trigger: &TriggerIds) -> Vec<Report> {
    let errors = [
        missing("GET /v1/subscriptions/:id", "subscription_read"),
        SyncError::Transient { service: Service::Stripe, why: TlsFailure::Certificate.to_string() },
        refused(),
        SyncError::OutOfTime,
        SyncError::Unsettled,
        SyncError::SubjectMissing,
    ];
    errors.map(|error| sync_failed(&error, &state.settings, trigger)).into()
}

/// Returns the error that Stripe's API key lacks a permission.
fn missing(endpoint: &'static str, permission: &str) -> SyncError {
    let missing = MissingPermission {
        permissions: vec![format!("rak_{permission}")],
        error: StripeApiError::default(),
    };
    SyncError::Forbidden { endpoint, missing: Box::new(missing) }
}
