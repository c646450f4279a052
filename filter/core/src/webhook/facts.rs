//! What one sync learns that does not depend on whom it is about, and what it has to tell an operator.

use super::asks::Ask;
use super::owner::{Named, owner_by_session};
use super::worker::Worker;
use crate::ids::{Subject, SubscriptionId};
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::checkout_session::CheckoutSession;
use crate::stripe::plan::PlanAlarm;
use std::fmt;

/// How many characters of a plan's name an alarm shows. No document allows a longer one.
const PLAN_SHOWN_MAX: usize = 64;

/// What one sync learns.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Whom the Checkout Sessions of a subscription name, as far as they were read. That never changes.
    pub(super) sessions: SortedMap<SubscriptionId, Option<Named>>,
    /// The subscriptions on which it was recorded whose they are.
    pub(super) named: SortedSet<SubscriptionId>,
    /// What an operator should see to.
    pub(super) plan_alarms: SortedSet<PlanAlarm>,
    /// Subjects whose record names a plan that this document does not have, and keeps it.
    pub(super) unknown_plans: SortedMap<Subject, UnknownPlan>,
    /// Metadata keys of ours that hold no id.
    pub(super) unfit: SortedSet<String>,
    /// Subjects that more customers pay for than are kept in mind.
    pub(super) too_many_customers: SortedSet<Subject>,
    /// The event concerns more subjects than were brought in line.
    pub(super) too_many_subjects: bool,
    /// Subscriptions of which it cannot be read whose they are or where they stand.
    pub(super) unreadable: SortedSet<SubscriptionId>,
    /// Subscriptions that Clerk says grant a plan, and that this API key does not know.
    pub(super) unknown_recorded: SortedSet<SubscriptionId>,
    /// Subscription and customer ids that do not look like Stripe's.
    pub(super) skipped: SortedSet<String>,
}

/// A plan on record that this document does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnknownPlan {
    /// As the record names it.
    pub(super) name: String,
    /// The subscription that granted it, if any did.
    pub(super) granted_by: Option<SubscriptionId>,
}

impl fmt::Display for UnknownPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.name.chars().take(PLAN_SHOWN_MAX).collect();
        write!(f, "Clerk's record shows plan {shown:?}")?;
        if let Some(subscription) = &self.granted_by {
            write!(f, ", granted by subscription {subscription}")?;
        }
        write!(
            f,
            ", and this document has no such plan: it was kept; add the plan to `plans`, or correct the record"
        )
    }
}

impl Facts {
    /// Takes the answer to [`Ask::Sessions`].
    pub(super) fn learn_sessions(&mut self, worker: &Worker, ask: &Ask, sessions: &[CheckoutSession]) {
        if let Ask::Sessions(subscription) = ask {
            let config = &worker.config;
            let named = owner_by_session(sessions, &config.subject_keys, config.client_reference_id);
            self.sessions.insert(subscription.clone(), named);
        }
    }

    /// Takes the answer to [`Ask::NameOnSubscription`].
    pub(super) fn learn_named(&mut self, ask: &Ask) {
        if let Ask::NameOnSubscription(subscription, _) = ask {
            self.named.insert(subscription.clone());
        }
    }
}
