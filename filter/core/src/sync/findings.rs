//! What one sync learns that does not depend on whom it is about, and what it has to tell an operator.

use super::api_request::{
    ListSessions, ListSubscriptions, NextPage, NoteOwner, NoteResponse, SessionsResponse,
};
use super::error::{Service, SyncError};
use super::ownership::{Claims, SessionClaims};
use super::state::SyncState;
use crate::clerk::metadata::Record;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::plan_table::{PlanTable, RecordedPlan};
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::plan::{GrantedPlan, PlanAlarm, Resolution};
use crate::stripe::subscription::Subscription;
use crate::time::Micros;
use std::fmt;
use std::time::Duration;

/// How many subscriptions that name nobody themselves are looked up by their Checkout Session.
const SESSIONS_READ_MAX: usize = 20;

/// How many disagreements of one kind are told.
const DISAGREEMENTS_MAX: usize = 10;

/// From what age on a subscription whose sessions name nobody is expected to stay so: Stripe links a session
/// with what it made when it is completed.
const SILENT_FROM: Duration = Duration::from_secs(24 * 60 * 60);

/// How many characters of a name in Clerk's record an alarm shows. No document allows a plan a longer one.
const NAME_SHOWN_MAX: usize = 64;

/// What one sync learns.
#[derive(Debug, Default)]
pub(crate) struct SyncFindings {
    /// What the Checkout Sessions of a subscription say, as far as they were read.
    sessions: SortedMap<SubscriptionId, SessionClaims>,
    /// Those whose sessions were asked for.
    sessions_asked: SortedSet<SubscriptionId>,
    /// Those whose sessions Stripe does not let the API key read, or shows so that they cannot be, and why.
    sessions_refused: SortedMap<SubscriptionId, SyncError>,
    /// The subscriptions on which something was noted, or could not be.
    noted: SortedSet<SubscriptionId>,
    /// Those on which Stripe refused to, and why.
    pub(crate) notes_refused: SortedMap<SubscriptionId, String>,
    /// Subscriptions of which the seller says two owners: first the one that counts.
    pub(crate) disagreements: SortedSet<(SubscriptionId, Subject, Subject)>,
    /// What an operator should see to.
    pub(crate) plan_alarms: SortedSet<PlanAlarm>,
    /// Subjects whose record names a plan that this document does not have, and keeps it.
    pub(crate) unknown_plans: SortedMap<Subject, UnknownPlan>,
    /// Subjects whose plan is from a source that this release does not read, and is kept; and that source.
    pub(crate) unread_sources: SortedMap<Subject, String>,
    /// Metadata keys of ours that hold no id.
    pub(crate) invalid_keys: SortedSet<String>,
    /// Subjects that more customers pay for than are kept in mind.
    pub(crate) too_many_customers: SortedSet<Subject>,
    /// The event concerns more subjects than were brought in line.
    pub(crate) too_many_subjects: bool,
    /// Subscriptions of which it cannot be read whose they are or where they stand.
    pub(crate) unreadable: SortedSet<SubscriptionId>,
    /// Subscriptions with a Checkout Session that cannot be read.
    pub(crate) unreadable_sessions: SortedSet<SubscriptionId>,
    /// Subscriptions that Clerk says grant a plan, and that this API key does not know.
    pub(crate) unknown_recorded: SortedSet<SubscriptionId>,
    /// Customers with more subscriptions than were read.
    pub(crate) cut_customers: SortedSet<CustomerId>,
    /// Subjects that keep their plan because a subscription that may be theirs says nowhere whose it is, and
    /// its session was not read.
    pub(crate) unread_sessions: SortedSet<Subject>,
    /// Subjects that Clerk does not have, though a subscription grants them a plan.
    pub(crate) gone: SortedSet<Subject>,
    /// Subscription and customer ids that do not look like Stripe's.
    pub(crate) skipped: SortedSet<String>,
}

/// A plan on record that this document does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownPlan {
    /// As the record names it.
    pub(crate) name: String,
    /// The subscription that granted it, if any did.
    pub(crate) granted_by: Option<SubscriptionId>,
}

impl fmt::Display for UnknownPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clerk's record shows plan {:?}", shortened(&self.name))?;
        if let Some(subscription) = &self.granted_by {
            write!(f, ", granted by subscription {subscription}")?;
        }
        write!(
            f,
            ", and this document has no such plan: it was kept; add the plan to `plans`, or correct the record"
        )
    }
}

/// Returns the beginning of a name that stands in Clerk's record.
pub(crate) fn shortened(name: &str) -> String {
    name.chars().take(NAME_SHOWN_MAX).collect()
}

impl SyncFindings {
    /// Notes what a record keeps though nothing that was read at Stripe grants it: a plan that this document
    /// does not have, or one of a source that this release does not read.
    pub(crate) fn learn_kept(
        &mut self,
        plans: &PlanTable,
        subject: &Subject,
        target: &Record,
        resolution: &Resolution,
    ) {
        let kept = plans.recorded(target.plan.as_deref());
        self.unknown_plans.remove(subject);
        self.unread_sources.remove(subject);
        if let RecordedPlan::Unknown(plan) = kept {
            let unknown = UnknownPlan { name: plan.to_owned(), granted_by: target.granted_by.clone() };
            self.unknown_plans.insert(subject.clone(), unknown);
        }
        let source = target.plan_source.clone().filter(|_| target.has_unread_source());
        if let (Some(source), GrantedPlan::Known(rank)) = (source, resolution.plan)
            && kept.may_be_lowered_by(rank)
        {
            self.unread_sources.insert(subject.clone(), source);
        }
    }

    /// Returns everything that says whose a subscription is, as far as it is known.
    pub(crate) fn claims(&self, state: &SyncState, subscription: &Subscription, now: Micros) -> Claims {
        let read = self.sessions.get(&subscription.id);
        let session = read.or_else(|| state.silent_sessions.get(&subscription.id, now));
        Claims::new(subscription, session, &state.settings)
    }

    /// Returns the sessions of those subscriptions among these that may be read, the first of them first.
    /// That of `always` may be, however many there are.
    pub(crate) fn ask_sessions<'a>(
        &mut self,
        subscriptions: impl Iterator<Item = &'a Subscription>,
        always: Option<&SubscriptionId>,
    ) -> Vec<ListSessions> {
        let mut requests = Vec::new();
        for id in subscriptions.map(|subscription| &subscription.id) {
            if self.sessions_refused.contains_key(id) {
                continue;
            }
            if self.sessions_asked.len() < SESSIONS_READ_MAX || always == Some(id) {
                self.sessions_asked.insert(id.clone());
            }
            // Another subject of the same sync may have asked; whoever asks also waits for the answer.
            if self.sessions_asked.contains(id) {
                requests.push(ListSessions(id.clone()));
            }
        }
        requests
    }

    /// Returns whether the sessions of a subscription were asked for.
    pub(crate) fn session_asked(&self, subscription: &SubscriptionId) -> bool {
        self.sessions_asked.contains(subscription)
    }

    /// Returns why the sessions of a subscription cannot be read.
    pub(crate) fn session_refused(&self, subscription: &SubscriptionId) -> Option<&SyncError> {
        self.sessions_refused.get(subscription)
    }

    /// Returns one of the refusals to let sessions be read.
    pub(crate) fn sessions_refused(&self) -> Option<(&SubscriptionId, &SyncError)> {
        self.sessions_refused.iter().find(|(_, why)| why.is_refusal())
    }

    /// Takes what the Checkout Sessions of a subscription say, or that they could not be read.
    pub(crate) fn learn_sessions(
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
        if list.unread {
            self.unreadable_sessions.insert(subscription.clone());
            // The one that cannot be read may say more than the others.
            if !claims.has_metadata() {
                let why = "a Checkout Session is not as Stripe's API describes it".to_owned();
                let why = SyncError::Transient { service: Service::Stripe, why };
                self.sessions_refused.insert(subscription, why);
                return;
            }
        }
        self.sessions.insert(subscription, claims);
    }

    /// Returns what comes after a page of a customer's subscriptions that ends at `after` if there are more.
    /// Puts down the customer if it has more than are read.
    pub(crate) fn next_page(
        &mut self,
        request: ListSubscriptions,
        after: Option<SubscriptionId>,
    ) -> NextPage {
        let customer = request.customer.clone();
        let next = request.next(after);
        if next.is_cut() {
            self.cut_customers.insert(customer);
        }
        next
    }

    /// Keeps in mind which of these subscriptions have sessions that name nobody.
    pub(crate) fn keep_silent_sessions<'a>(
        &self,
        state: &mut SyncState,
        subscriptions: impl Iterator<Item = &'a Subscription>,
        now: Micros,
    ) {
        for subscription in subscriptions {
            let age = now.since(Micros::from_secs(subscription.created_s));
            let silent = self.sessions.get(&subscription.id).filter(|words| words.is_silent());
            if let Some(words) = silent.filter(|_| age >= SILENT_FROM) {
                state.silent_sessions.insert(subscription.id.clone(), words.clone(), now);
            }
        }
    }

    /// Puts down whom the seller names beside the owner of a subscription.
    pub(crate) fn learn_claims(&mut self, subscription: &Subscription, claims: &Claims) {
        if let Some((owner, other)) = claims.disagreement()
            && subscription.status.is_live()
            && self.disagreements.len() < DISAGREEMENTS_MAX
        {
            self.disagreements.insert((subscription.id.clone(), owner.clone(), other.clone()));
        }
    }

    /// Returns whether something may be noted on that subscription: once in a sync, whatever comes of it.
    pub(crate) fn may_note(&self, subscription: &SubscriptionId) -> bool {
        !self.noted.contains(subscription)
    }

    /// Takes what came of a note.
    pub(crate) fn learn_note(&mut self, request: NoteOwner, response: NoteResponse) {
        if let NoteResponse::Refused(why) = response {
            self.notes_refused.insert(request.subscription.clone(), why);
        }
        self.noted.insert(request.subscription);
    }
}
