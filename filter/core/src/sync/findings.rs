//! Findings of one sync that its subjects share: Checkout Sessions, notes, and problems for the operator.

use super::api_request::{
    ListSessions, ListSubscriptions, NextPage, NoteOwner, NoteResponse, SessionsResponse,
};
use super::error::{Service, SyncError};
use super::ownership::{Claims, SessionClaims};
use super::state::SyncState;
use crate::clerk::billing::{ClerkPlanAlarm, ClerkResolution};
use crate::clerk::metadata::Record;
use crate::clerk::plan_source::PlanSource;
use crate::config::SyncSettings;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::plan_table::{PlanTable, RecordedPlan};
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::plan::PlanAlarm;
use crate::stripe::subscription::Subscription;
use crate::time::Micros;
use std::fmt;
use std::time::Duration;

/// The maximum number of subscriptions whose Checkout Sessions are read because they do not name their owner.
const SESSIONS_READ_MAX: usize = 20;

/// The maximum number of disagreements that are reported.
const DISAGREEMENTS_MAX: usize = 10;

/// The maximum number of subscriptions without an owner that are reported.
const UNOWNED_MAX: usize = 10;

/// The age from which a subscription's sessions are expected to stay the same. Stripe links a session with
/// its subscription when the session is completed.
const SESSIONS_FINAL_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The maximum number of characters of a name from Clerk's record in an alarm. The configuration allows no
/// longer plan name.
const NAME_SHOWN_MAX: usize = 64;

/// Findings of one sync.
#[derive(Debug, Default)]
pub(crate) struct SyncFindings {
    /// The claims in the Checkout Sessions that were read, by subscription.
    sessions: SortedMap<SubscriptionId, SessionClaims>,
    /// The subscriptions whose sessions were requested.
    sessions_requested: SortedSet<SubscriptionId>,
    /// The subscriptions whose sessions Stripe refused or returned in an unreadable form, with the error.
    sessions_refused: SortedMap<SubscriptionId, SyncError>,
    /// The subscriptions on which a note was written or attempted.
    noted: SortedSet<SubscriptionId>,
    /// The subscriptions on which Stripe refused the note, with the error.
    pub(crate) notes_refused: SortedMap<SubscriptionId, String>,
    /// Subscriptions for which the merchant's metadata names two owners: the effective one and the other.
    pub(crate) disagreements: SortedSet<(SubscriptionId, Subject, Subject)>,
    /// Live subscriptions that name no owner.
    pub(crate) unowned: Vec<UnownedSubscription>,
    /// Alarms about the mapping of subscriptions to plans.
    pub(crate) plan_alarms: SortedSet<PlanAlarm>,
    /// Subjects whose record keeps a plan that is not in the configuration.
    pub(crate) unknown_plans: SortedMap<Subject, UnknownPlan>,
    /// Subjects whose record keeps a plan from a source that the document does not read, with that source.
    pub(crate) sources_not_read: SortedMap<Subject, String>,
    /// Alarms about billing subscriptions at Clerk.
    pub(crate) clerk_alarms: Vec<(Subject, ClerkPlanAlarm)>,
    /// Subjects whose billing subscription Clerk refused to return, because Billing is off.
    pub(crate) clerk_billing_off: SortedSet<Subject>,
    /// Metadata keys whose value is not a valid Clerk id, each with a subscription for which it was read.
    pub(crate) invalid_keys: SortedMap<String, Option<SubscriptionId>>,
    /// Subjects with several live plan subscriptions, although the billing endpoints sell only one.
    pub(crate) double_subscriptions: SortedMap<Subject, Vec<SubscriptionId>>,
    /// Subjects with more paying customers than a record lists, each with a customer that it does not list.
    pub(crate) too_many_customers: SortedMap<Subject, CustomerId>,
    /// Whether the event has more subjects than one sync handles.
    pub(crate) too_many_subjects: bool,
    /// Subscriptions whose owner or status cannot be parsed.
    pub(crate) unreadable: SortedSet<SubscriptionId>,
    /// Subscriptions with a Checkout Session that cannot be parsed.
    pub(crate) unreadable_sessions: SortedSet<SubscriptionId>,
    /// Subscriptions that grant a plan according to Clerk, but that the API key's account does not have.
    pub(crate) unknown_recorded: SortedSet<SubscriptionId>,
    /// Customers with more subscriptions than Tollgate reads.
    pub(crate) truncated_customers: SortedSet<CustomerId>,
    /// Subjects that keep their plan because they may own a subscription that names no owner and whose
    /// session was not read.
    pub(crate) missing_sessions: SortedMap<Subject, SubscriptionId>,
    /// Subjects that Clerk does not have, though a subscription grants them a plan.
    pub(crate) gone: SortedMap<Subject, Option<SubscriptionId>>,
    /// Subscription and customer ids that do not have the form of Stripe's ids.
    pub(crate) skipped: SortedSet<String>,
}

/// A live subscription that names no owner, so that no plan follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnownedSubscription {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Its customer.
    pub customer: CustomerId,
    /// The instructions for giving it an owner.
    pub(crate) cure: String,
}

impl fmt::Display for UnownedSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnownedSubscription { subscription, customer, .. } = self;
        write!(
            f,
            "{subscription} of {customer} is live, but names no owner, so it gives no plan: neither metadata nor a \
             Checkout Session has the id of a user or an organization"
        )
    }
}

/// A plan in Clerk's record that is not in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownPlan {
    /// The plan's name in the record.
    pub(crate) name: String,
    /// The subscription that granted the plan, if any.
    pub(crate) granted_by: Option<SubscriptionId>,
}

impl fmt::Display for UnknownPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clerk's record shows plan {:?}", shortened(&self.name))?;
        if let Some(subscription) = &self.granted_by {
            write!(f, ", granted by subscription {subscription}")?;
        }
        write!(f, ", which is not in the configuration, so it was kept")
    }
}

/// Returns the beginning of a name from Clerk's record.
pub(crate) fn shortened(name: &str) -> String {
    name.chars().take(NAME_SHOWN_MAX).collect()
}

impl SyncFindings {
    /// Records whether a target keeps a plan that is not in the configuration, or the plan of a source that
    /// the document does not read.
    pub(crate) fn record_kept_plan(
        &mut self,
        plans: &PlanTable,
        subject: &Subject,
        target: &Record,
        kept_source: Option<PlanSource>,
    ) {
        self.unknown_plans.remove(subject);
        self.sources_not_read.remove(subject);
        if let RecordedPlan::Unknown(plan) = plans.recorded(target.plan.as_deref()) {
            let unknown = UnknownPlan { name: plan.to_owned(), granted_by: target.granted_by.clone() };
            self.unknown_plans.insert(subject.clone(), unknown);
        }
        if let Some(source) = kept_source {
            self.sources_not_read.insert(subject.clone(), source.as_str().to_owned());
        }
    }

    /// Records the alarms about a billing subscription, each cause at most once a minute, because one
    /// unmapped slug can affect many subjects.
    pub(crate) fn record_clerk_alarms(
        &mut self,
        state: &mut SyncState,
        now: Micros,
        subject: &Subject,
        resolution: &ClerkResolution,
    ) {
        for alarm in &resolution.alarms {
            if state.clerk_alarms.due(&alarm.cause(), now).is_some() {
                self.clerk_alarms.push((subject.clone(), alarm.clone()));
            }
        }
    }

    /// Returns the claims to a subscription, as far as they are known.
    pub(crate) fn claims(&self, state: &SyncState, subscription: &Subscription, now: Micros) -> Claims {
        let read = self.sessions.get(&subscription.id);
        let session = read.or_else(|| state.sessions_without_subject.get(&subscription.id, now));
        Claims::new(subscription, session, &state.settings)
    }

    /// Returns requests for the sessions of these subscriptions, in this order and up to the maximum. The
    /// sessions of `always` do not count toward the maximum.
    pub(crate) fn request_sessions<'a>(
        &mut self,
        subscriptions: impl Iterator<Item = &'a Subscription>,
        always: Option<&SubscriptionId>,
    ) -> Vec<ListSessions> {
        let mut requests = Vec::new();
        for id in subscriptions.map(|subscription| &subscription.id) {
            if self.sessions_refused.contains_key(id) {
                continue;
            }
            if self.sessions_requested.len() < SESSIONS_READ_MAX || always == Some(id) {
                self.sessions_requested.insert(id.clone());
            }
            // Another subject of this sync may have requested them; each subject waits for its own response.
            if self.sessions_requested.contains(id) {
                requests.push(ListSessions(id.clone()));
            }
        }
        requests
    }

    /// Returns whether the sessions of a subscription were requested.
    pub(crate) fn session_requested(&self, subscription: &SubscriptionId) -> bool {
        self.sessions_requested.contains(subscription)
    }

    /// Returns the error that prevents reading the sessions of a subscription.
    pub(crate) fn session_refused(&self, subscription: &SubscriptionId) -> Option<&SyncError> {
        self.sessions_refused.get(subscription)
    }

    /// Returns a subscription whose sessions Stripe refused to return, with the error.
    pub(crate) fn sessions_refused(&self) -> Option<(&SubscriptionId, &SyncError)> {
        self.sessions_refused.iter().find(|(_, why)| why.is_refusal())
    }

    /// Stores the claims in the Checkout Sessions of a subscription, or the error.
    pub(crate) fn store_sessions(
        &mut self,
        state: &SyncState,
        ListSessions(subscription): ListSessions,
        response: SessionsResponse,
    ) {
        let list = match response {
            SessionsResponse::Listed(list) => list,
            SessionsResponse::Refused(why) => {
                self.sessions_refused.insert(subscription, why);
                return;
            }
        };
        let claims = SessionClaims::new(&list.sessions, &state.settings.subject_keys);
        if list.unreadable {
            self.unreadable_sessions.insert(subscription.clone());
            // The session that cannot be parsed may name a subject that takes precedence.
            if !claims.has_metadata() {
                let why = "a Checkout Session does not match Stripe's API reference".to_owned();
                let why = SyncError::Transient { service: Service::Stripe, why };
                self.sessions_refused.insert(subscription, why);
                return;
            }
        }
        self.sessions.insert(subscription, claims);
    }

    /// Returns the continuation after a page of a customer's subscriptions, and records a customer that has
    /// more than Tollgate reads. `after` is the page's last subscription if there are more.
    pub(crate) fn next_page(
        &mut self,
        request: ListSubscriptions,
        after: Option<SubscriptionId>,
    ) -> NextPage {
        let customer = request.customer.clone();
        let next = request.next(after);
        if next.is_truncated() {
            self.truncated_customers.insert(customer);
        }
        next
    }

    /// Caches the sessions of these subscriptions if they name no subject.
    pub(crate) fn cache_sessions_without_subject<'a>(
        &self,
        state: &mut SyncState,
        subscriptions: impl Iterator<Item = &'a Subscription>,
        now: Micros,
    ) {
        for subscription in subscriptions {
            let age = now.since(Micros::from_secs(subscription.created_s));
            let without_subject = self.sessions.get(&subscription.id).filter(|claims| claims.is_empty());
            if let Some(claims) = without_subject.filter(|_| age >= SESSIONS_FINAL_AFTER) {
                state.sessions_without_subject.insert(subscription.id.clone(), claims.clone(), now);
            }
        }
    }

    /// Records a live subscription that names no owner. One whose sessions were not read may still name one.
    pub(crate) fn record_unowned(
        &mut self,
        settings: &SyncSettings,
        subscription: &Subscription,
        claims: &Claims,
    ) {
        let is_unowned = claims.owner().is_none() && !claims.needs_session;
        if is_unowned && subscription.status.is_live() && self.unowned.len() < UNOWNED_MAX {
            let keys = &settings.subject_keys;
            let keys = [keys.user.first(), keys.organization.first()].into_iter().flatten();
            let keys: Vec<String> = keys.map(|key| format!("`{key}`")).collect();
            self.unowned.push(UnownedSubscription {
                subscription: subscription.id.clone(),
                customer: subscription.customer.clone(),
                cure: format!(
                    "set the Clerk id of its owner as {} in the subscription's metadata at Stripe; that change sends an \
                     event, which gives the plan",
                    keys.join(" or ")
                ),
            });
        }
    }

    /// Records metadata keys whose value is not a valid Clerk id, and the subscription for which they were
    /// read; `None` for those of the event itself.
    pub(crate) fn record_invalid_keys(&mut self, keys: &[String], subscription: Option<&SubscriptionId>) {
        for key in keys {
            if self.invalid_keys.get(key).is_none_or(Option::is_none) {
                self.invalid_keys.insert(key.clone(), subscription.cloned());
            }
        }
    }

    /// Records a disagreement between claims of the merchant.
    pub(crate) fn record_disagreement(&mut self, subscription: &Subscription, claims: &Claims) {
        if let Some((owner, other)) = claims.disagreement()
            && subscription.status.is_live()
            && self.disagreements.len() < DISAGREEMENTS_MAX
        {
            self.disagreements.insert((subscription.id.clone(), owner.clone(), other.clone()));
        }
    }

    /// Returns whether a note may be written on the subscription: once per sync, even if it fails.
    pub(crate) fn may_write_note(&self, subscription: &SubscriptionId) -> bool {
        !self.noted.contains(subscription)
    }

    /// Handles the response to a note.
    pub(crate) fn store_note_response(&mut self, request: NoteOwner, response: NoteResponse) {
        if let NoteResponse::Refused(why) = response {
            self.notes_refused.insert(request.subscription.clone(), why);
        }
        self.noted.insert(request.subscription);
    }
}
