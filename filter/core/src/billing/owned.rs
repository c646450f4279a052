//! The rules of ownership in a subject's account: which customers may be charged and shown, which
//! subscription the subject's actions apply to, and which subscription prevents buying another.

use crate::alarm::{Alarm, AlarmCode};
use crate::config::SubjectKeys;
use crate::ids::CustomerId;
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::report::Report;
use crate::stripe::customer::Customer;
use crate::stripe::plan::SoldPlan;
use crate::stripe::subscription::SubscriptionStatus;
use crate::sync::{OwnedSubscription, SubjectAccount, Via, named_in};

/// The owner of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CustomerOwner {
    /// The subject. Only its own customers are opened in the portal, charged, or listed.
    Subject,
    /// Another subject, or no known subject.
    Other,
    /// Unknown, because the customer was deleted at Stripe.
    Deleted,
}

/// Returns the owner of a customer.
///
/// The customer is the subject's own if its metadata names the subject. If its metadata names no subject, it
/// is the subject's own if Clerk's record says that it was created for the subject, or if the metadata of a
/// live subscription of the customer names the subject and that of no other live subscription names another
/// subject.
pub(super) fn customer_owner(
    account: &SubjectAccount,
    customer: &Customer,
    keys: &SubjectKeys,
) -> CustomerOwner {
    if customer.deleted {
        return CustomerOwner::Deleted;
    }
    let named = named_in(&customer.metadata, keys);
    let is_own = match &named.subject {
        Some(subject) => *subject == account.subject,
        None if !named.invalid_keys.is_empty() => false,
        None => {
            account.record.customer.as_ref() == Some(&customer.id) || pays_for_subject(account, &customer.id)
        }
    };
    if is_own { CustomerOwner::Subject } else { CustomerOwner::Other }
}

/// Returns whether a live subscription of the customer belongs to the subject and none belongs to another
/// subject.
fn pays_for_subject(account: &SubjectAccount, customer: &CustomerId) -> bool {
    let mut live = account.subscriptions.iter().filter(|owned| owned.subscription.status.is_live());
    let pays = live.any(|owned| owned.via == Via::Metadata && owned.subscription.customer == *customer);
    pays && !account.customers_of_others.contains(customer)
}

/// Returns the subject's own customers among those that Stripe returned inside of subscriptions. The current
/// subscription's customer comes first.
pub(super) fn own_customers(account: &SubjectAccount, keys: &SubjectKeys) -> Vec<CustomerId> {
    let is_own = |customer: &&Customer| customer_owner(account, customer, keys) == CustomerOwner::Subject;
    let mut own: Vec<CustomerId> =
        account.customer_objects.values().filter(is_own).map(|customer| customer.id.clone()).collect();
    let current = current(account).map(|owned| &owned.subscription.customer);
    let recorded = account.record.customer.as_ref();
    own.sort_by_key(|id| (current != Some(id), recorded != Some(id)));
    own
}

/// Returns the subscription that the subject's actions apply to: the one that grants the plan, or else the
/// live one that comes closest to granting a plan. A subscription that only a `client_reference_id` links to
/// the subject is never returned, because the payer of a payment link can choose that id.
pub(super) fn current(account: &SubjectAccount) -> Option<&OwnedSubscription> {
    let candidates = account.subscriptions.iter().filter(|owned| {
        owned.via == Via::Metadata && owned.subscription.status.is_live() && sells_plan(account, owned)
    });
    let granting = account.target.granted_by.as_ref();
    candidates.min_by_key(|owned| {
        let subscription = &owned.subscription;
        (granting != Some(&subscription.id), &subscription.status, &subscription.id)
    })
}

/// Returns the newest ended subscription, to show its status if there is no live one.
pub(super) fn last_ended(account: &SubjectAccount) -> Option<&OwnedSubscription> {
    let ended = account.subscriptions.iter().filter(|owned| {
        owned.via == Via::Metadata && !owned.subscription.status.is_live() && owned.sold != SoldPlan::AddOns
    });
    ended.max_by_key(|owned| (owned.subscription.created_s, &owned.subscription.id))
}

fn sells_plan(account: &SubjectAccount, owned: &OwnedSubscription) -> bool {
    match owned.sold {
        SoldPlan::Plan { .. } => true,
        SoldPlan::AddOns => false,
        SoldPlan::Unmapped => account.record.granted_by.as_ref() == Some(&owned.subscription.id),
    }
}

/// A subscription that prevents buying a plan, and the alarm about it, if any.
#[derive(Debug)]
pub(super) struct BlockingSubscription<'a> {
    pub(super) owned: &'a OwnedSubscription,
    pub(super) alarm: Option<Report>,
}

/// Returns the live subscription that prevents buying the plan.
pub(super) fn blocking_subscription<'a>(
    account: &'a SubjectAccount,
    plans: &PlanTable,
    wanted: Rank,
) -> Option<BlockingSubscription<'a>> {
    let recorded = plans.recorded(account.record.plan.as_deref());
    let is_unknown_plan = matches!(recorded, RecordedPlan::Unknown(_));
    let blocks = |owned: &&OwnedSubscription| match owned.sold {
        SoldPlan::AddOns => false,
        SoldPlan::Plan { .. } if owned.via == Via::Metadata => true,
        // Another person may have paid through a payment link with the subject's id, so such a subscription
        // counts only if it may grant the plan.
        SoldPlan::Plan { rank, .. } => rank >= wanted && may_grant(&owned.subscription.status),
        SoldPlan::Unmapped => {
            account.record.granted_by.as_ref() == Some(&owned.subscription.id) || is_unknown_plan
        }
    };
    let live = account.subscriptions.iter().filter(|owned| owned.subscription.status.is_live());
    let owned = live.filter(blocks).min_by_key(|owned| {
        let is_current =
            current(account).is_some_and(|current| current.subscription.id == owned.subscription.id);
        (!is_current, &owned.subscription.status, &owned.subscription.id)
    })?;
    let alarm = (owned.sold == SoldPlan::Unmapped && is_unknown_plan).then(|| {
        let cause = "a checkout was refused: Clerk's record shows a plan that is not in the configuration, and a live \
                     subscription has no price of a known plan";
        let cure = "add the plan to `plans`, or correct the record";
        let alarm = Alarm::warning(AlarmCode::UnknownPlan, cause, cure).object(&owned.subscription.id);
        alarm.subject(Some(account.subject.as_str())).into()
    });
    Some(BlockingSubscription { owned, alarm })
}

/// Returns whether a subscription with this status may grant a plan.
fn may_grant(status: &SubscriptionStatus) -> bool {
    matches!(status, SubscriptionStatus::Active | SubscriptionStatus::Trialing | SubscriptionStatus::PastDue)
}

/// Returns whether the subject had a trial, so that it gets no second one. `own` are its customers.
pub(super) fn had_trial(account: &SubjectAccount, own: &[CustomerId]) -> bool {
    // A subscription that is linked only by `client_reference_id` may be another person's.
    let mut owned = account.subscriptions.iter().filter(|owned| owned.via == Via::Metadata);
    account.record.trial_used
        || owned.any(|owned| owned.subscription.changes.trial_start_s.is_some())
        || own.iter().any(|customer| account.customers_with_trial.contains(customer))
}

/// The facts that determine which actions the frontend can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ActionConditions<'a> {
    /// The subscription's status; `None` if there is none.
    pub(super) status: Option<&'a SubscriptionStatus>,
    /// Whether a cancellation, or a change that Tollgate scheduled, is pending.
    pub(super) is_pending: bool,
    /// Whether a schedule that Tollgate did not create manages the subscription.
    pub(super) is_managed_elsewhere: bool,
    /// Whether the subject has a customer of its own.
    pub(super) has_customer: bool,
}

impl ActionConditions<'_> {
    /// Returns the actions that would succeed.
    pub(super) fn actions(self) -> Vec<&'static str> {
        let portal = self.has_customer.then_some("portal");
        let others: &[&'static str] = match self.status {
            None | Some(SubscriptionStatus::Canceled | SubscriptionStatus::IncompleteExpired) => {
                &["checkout"]
            }
            Some(SubscriptionStatus::Active | SubscriptionStatus::Trialing) if self.is_managed_elsewhere => {
                &[]
            }
            Some(SubscriptionStatus::Active | SubscriptionStatus::Trialing) if self.is_pending => {
                &["resume", "change"]
            }
            Some(SubscriptionStatus::Active | SubscriptionStatus::Trialing) => &["change", "cancel"],
            Some(SubscriptionStatus::Paused) => &["resume"],
            Some(
                SubscriptionStatus::PastDue
                | SubscriptionStatus::Unpaid
                | SubscriptionStatus::Incomplete
                | SubscriptionStatus::Unknown(_),
            ) => &[],
        };
        others.iter().copied().chain(portal).collect()
    }
}

#[cfg(test)]
mod tests;
