//! The expected state in Clerk, computed from Stripe's state alone and in the simplest way: no record, no
//! history, no rounds.

use super::stripe::{FORMER_MARK_KEY, FakeCustomer, FakeMetadata, FakeSubscription, Presence, Stripe};

/// The plans of the tests, lowest first.
pub(crate) const PLANS: [&str; 3] = ["free", "pro", "enterprise"];

pub(crate) fn rank_of_plan(plan: Option<&str>) -> usize {
    plan.and_then(|plan| PLANS.iter().position(|known| *known == plan)).unwrap_or_default()
}

/// Returns the owner of a subscription: by its own metadata, its session's, its customer's, its session's
/// reference. Only notes of the release before say what the session does not.
pub(crate) fn owner(stripe: &Stripe, subscription: &FakeSubscription) -> Option<String> {
    let customer = stripe.customers.get(&subscription.customer);
    let present = customer.filter(|FakeCustomer { presence, .. }| *presence == Presence::Present);
    let sessions = || stripe.sessions.iter().filter(|session| session.subscription == subscription.id);
    let reference = sessions().find_map(|session| session.client_reference_id.clone());
    let mut own = subscription.metadata.clone();
    if own.contains_key(FORMER_MARK_KEY) {
        own.retain(|_, value| Some(&*value) != reference.as_ref());
    }
    named(&own)
        .or_else(|| sessions().find_map(|session| named(&session.metadata)))
        .or_else(|| named(&present?.metadata))
        .or(reference)
}

/// Returns the subject that metadata name: the organization before the user.
pub(crate) fn named(metadata: &FakeMetadata) -> Option<String> {
    metadata.get("clerk_org_id").or(metadata.get("clerk_user_id")).filter(|id| !id.is_empty()).cloned()
}

/// Returns the rank that a subscription grants; `None` if it grants nothing. A past-due subscription is
/// within its grace period, and grants at most the plan that was to be renewed when the first payment failed.
pub(crate) fn rank(stripe: &Stripe, subscription: &FakeSubscription) -> Option<usize> {
    let sold = sold(&subscription.prices);
    match subscription.status {
        "active" | "trialing" => sold,
        "past_due" => {
            let mut open =
                stripe.invoices.iter().filter(|i| i.subscription == subscription.id && i.status == "open");
            let renewed = open.next().map(|oldest| sold_or_none(&oldest.prices));
            sold.map(|sold| renewed.map_or(sold, |renewed| sold.min(renewed)))
        }
        _ => None,
    }
    // What is past due and was paid as nothing gives nothing.
    .filter(|rank| subscription.status != "past_due" || *rank > 0 || sold == Some(0))
}

fn sold_or_none(prices: &[String]) -> usize {
    sold(prices).unwrap_or_default()
}

fn sold(prices: &[String]) -> Option<usize> {
    let of_price = |price: &String| match price.as_str() {
        "price_free" => Some(0),
        "price_pro" | "price_by_product" => Some(1),
        "price_ent" => Some(2),
        _ => None,
    };
    prices.iter().filter_map(of_price).max()
}

pub(crate) fn is_live(subscription: &FakeSubscription) -> bool {
    !matches!(subscription.status, "canceled" | "incomplete_expired")
}

/// The expected state of a subject in Clerk.
pub(crate) struct ExpectedRecord<'a> {
    pub(crate) plan: &'static str,
    /// The subscriptions that grant the plan.
    pub(crate) granting: Vec<&'a FakeSubscription>,
    /// The customers with a live subscription.
    pub(crate) customers: Vec<&'a str>,
}

/// Returns what Clerk should show for a subject.
pub(crate) fn record<'a>(stripe: &'a Stripe, subject: &str) -> ExpectedRecord<'a> {
    let owned: Vec<&FakeSubscription> =
        stripe.subscriptions.values().filter(|s| owner(stripe, s).as_deref() == Some(subject)).collect();
    let best = owned.iter().filter_map(|subscription| rank(stripe, subscription)).max();
    let granting = owned.iter().filter(|s| best.is_some() && rank(stripe, s) == best).copied().collect();
    let mut customers: Vec<&str> =
        owned.iter().filter(|s| is_live(s)).map(|subscription| subscription.customer.as_str()).collect();
    customers.sort_unstable();
    customers.dedup();
    ExpectedRecord { plan: PLANS[best.unwrap_or_default()], granting, customers }
}
