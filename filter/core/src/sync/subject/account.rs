//! The account of a subject after one round of reads: its record, its customers, and its subscriptions.

use super::stripe_state::{StripeState, SubjectRecord};
use crate::clerk::billing::SoldItem;
use crate::clerk::metadata::Record;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::customer::Customer;
use crate::stripe::plan::SoldPlan;
use crate::stripe::subscription::Subscription;
use crate::sync::findings::SyncFindings;
use crate::sync::ownership::Via;
use crate::sync::state::SyncState;
use crate::time::Micros;

/// A subject's state at Clerk and Stripe.
#[derive(Clone, Debug)]
pub(crate) struct SubjectAccount {
    /// The user or organization.
    pub(crate) subject: Subject,
    /// Clerk's record.
    pub(crate) record: Record,
    /// The record that a sync would write.
    pub(crate) target: Record,
    /// The subject's subscriptions, of any status, in order of their ids.
    pub(crate) subscriptions: Vec<OwnedSubscription>,
    /// The customers that Stripe returned inside of their subscriptions.
    pub(crate) customer_objects: SortedMap<CustomerId, Customer>,
    /// The customers with a live subscription whose owner is another subject according to the merchant's
    /// metadata.
    pub(crate) customers_of_others: SortedSet<CustomerId>,
    /// The customers with a subscription that had a trial.
    pub(crate) customers_with_trial: SortedSet<CustomerId>,
    /// The ids of all subscriptions of the customers, of any subject.
    pub(crate) subscription_ids: SortedSet<SubscriptionId>,
    /// The subscriptions whose owner or status cannot be parsed.
    pub(crate) unreadable: SortedSet<SubscriptionId>,
    /// The item of Clerk Billing that the subject pays for, or must pay for.
    pub(crate) clerk_item: Option<SoldItem>,
}

/// A subscription of the subject.
#[derive(Clone, Debug)]
pub(crate) struct OwnedSubscription {
    /// The subscription.
    pub(crate) subscription: Subscription,
    /// The kind of claim that makes the subject its owner.
    pub(crate) via: Via,
    /// The plan that the subscription sells.
    pub(crate) sold: SoldPlan,
}

impl SubjectAccount {
    /// Creates the account from what the round has read, and empties `stripe`. `target` is the record that a
    /// sync would write.
    pub(super) fn new(
        state: &SyncState,
        findings: &SyncFindings,
        subject_record: SubjectRecord<'_>,
        stripe: &mut StripeState,
        target: Record,
        now: Micros,
    ) -> Self {
        let stripe = std::mem::take(stripe);
        let (rules, products) = (state.plan_rules(), state.products.fresh(now));
        let owned = stripe.owned(state, findings, subject_record.subject, now).into_iter();
        let subscriptions = owned.map(|(subscription, named)| OwnedSubscription {
            sold: SoldPlan::new(subscription, &rules.catalog, &products),
            subscription: subscription.clone(),
            via: named.via,
        });
        let is_of_other = |subscription: &&Subscription| {
            let claims = findings.claims(state, subscription, now);
            let owner = claims.owner().filter(|owner| owner.via == Via::Metadata);
            subscription.status.is_live()
                && owner.is_some_and(|owner| owner.subject != *subject_record.subject)
        };
        let all = || stripe.subscriptions.values();
        let had_trial = |subscription: &&Subscription| subscription.changes.trial_start_s.is_some();
        let customer = |subscription: &Subscription| subscription.customer.clone();
        let object = |subscription: &Subscription| {
            Some((customer(subscription), subscription.customer_object.clone()?))
        };
        SubjectAccount {
            subject: subject_record.subject.clone(),
            record: subject_record.current.clone(),
            target,
            subscriptions: subscriptions.collect(),
            customer_objects: all().filter_map(object).collect(),
            customers_of_others: all().filter(is_of_other).map(customer).collect(),
            customers_with_trial: all().filter(had_trial).map(customer).collect(),
            subscription_ids: stripe.subscriptions.keys().cloned().collect(),
            unreadable: stripe.unreadable,
            clerk_item: None,
        }
    }
}
