//! Random changes at Stripe: buy, pay, fail to pay, change, cancel, move, delete.

use super::expected;
use super::stripe::{FORMER_MARK_KEY, Presence, Stripe};
use std::collections::BTreeSet;
use tollgate_fixtures::Random;

/// All users and organizations at Clerk.
pub(crate) const SUBJECTS: [&str; 3] = ["user_0", "user_1", "org_0"];
const PRICES: [&str; 6] =
    ["price_pro", "price_ent", "price_pro", "price_free", "price_addon", "price_by_product"];
/// A price that is not mapped to a plan. Only new subscriptions have it: if a granting subscription got it,
/// the recorded plan would be kept.
const UNMAPPED: &str = "price_new";
/// The prefixes of the ids of customers and subscriptions that only fill a list.
pub(crate) const FILLER_CUSTOMER: &str = "cus_f";
pub(crate) const FILLER_SUBSCRIPTION: &str = "sub_f";
const CUSTOMER_COUNT_MAX: usize = 4;
const SUBSCRIPTION_COUNT_MAX: usize = 6;

fn key(subject: &str) -> &'static str {
    if subject.starts_with("org_") { "clerk_org_id" } else { "clerk_user_id" }
}

/// Makes one random change. `unusual` permits many items and items that are not mapped to a plan; `may_move`
/// returns whether ownership may move away from the given subjects (see the properties in `convergence`).
pub(crate) fn change(
    stripe: &mut Stripe,
    random: &mut Random,
    subjects: &[&'static str],
    unusual: bool,
    may_move: impl Fn(&BTreeSet<String>) -> bool,
) {
    match random.below(100) {
        0..=14 => add_customer(stripe, random, subjects, unusual),
        15..=44 => buy(stripe, random, subjects, unusual),
        45..=64 => change_status(stripe, random),
        65..=82 => {
            if let Some(id) = any_subscription(stripe, random) {
                let price = random.pick(&PRICES);
                // Stripe shows ten items of a subscription.
                let addons = if unusual && random.percent(25) { 9 + random.below(11) } else { 0 };
                let addons = std::iter::repeat_n("price_addon", addons);
                let prices = addons.chain([price]).map(str::to_owned).collect();
                stripe.change_subscription(&id, |subscription| subscription.prices = prices);
            }
        }
        83..=87 => {
            if let Some(id) = any_subscription(stripe, random) {
                stripe.change_subscription(&id, |s| s.cancel_at_period_end = !s.cancel_at_period_end);
            }
        }
        88..=90 => move_subscription(stripe, random, subjects, may_move),
        91..=94 => move_customer(stripe, random, subjects, may_move),
        95..=96 => write_notes_of_previous_release(stripe, random, may_move),
        _ => delete_customer(stripe, random, may_move),
    }
}

fn add_customer(stripe: &mut Stripe, random: &mut Random, subjects: &[&'static str], unusual: bool) {
    let fillers = stripe.customers.keys().filter(|id| id.starts_with(FILLER_CUSTOMER)).count();
    if stripe.customers.len() - fillers >= CUSTOMER_COUNT_MAX {
        return buy(stripe, random, subjects, unusual);
    }
    let id = format!("cus_{}", stripe.customers.len());
    let subject = random.pick(subjects);
    match random.percent(50) {
        true => stripe.add_customer(&id, &[(key(subject), subject)]),
        false => stripe.add_customer(&id, &[]),
    }
    buy_for(stripe, random, subjects, &id, unusual);
}

fn buy(stripe: &mut Stripe, random: &mut Random, subjects: &[&'static str], unusual: bool) {
    match any_customer(stripe, random) {
        Some(customer) => buy_for(stripe, random, subjects, &customer, unusual),
        None => add_customer(stripe, random, subjects, unusual),
    }
}

/// Creates a subscription. Its owner is named in one of the supported locations, or not at all.
fn buy_for(
    stripe: &mut Stripe,
    random: &mut Random,
    subjects: &[&'static str],
    customer: &str,
    unusual: bool,
) {
    let fillers = stripe.subscriptions.keys().filter(|id| id.starts_with(FILLER_SUBSCRIPTION)).count();
    if stripe.subscriptions.len() - fillers >= SUBSCRIPTION_COUNT_MAX {
        return;
    }
    let id = format!("sub_{}", stripe.subscriptions.len());
    let subject = random.pick(subjects);
    let price = if unusual && random.percent(10) { UNMAPPED } else { random.pick(&PRICES) };
    match random.below(9) {
        0..=2 => drop(stripe.add_subscription(&id, customer, price, &[(key(subject), subject)])),
        3..=4 => {
            stripe.add_subscription(&id, customer, price, &[]);
            stripe.add_session(&id, &[(key(subject), subject)], None);
        }
        5..=6 => {
            stripe.add_subscription(&id, customer, price, &[]);
            stripe.add_session(&id, &[], Some(subject));
        }
        _ => drop(stripe.add_subscription(&id, customer, price, &[])),
    }
}

fn change_status(stripe: &mut Stripe, random: &mut Random) {
    let Some(id) = any_subscription(stripe, random) else { return };
    match random.below(10) {
        0..=4 => drop(stripe.set_status(&id, "canceled")),
        // If the price is not mapped to a plan, only an earlier state of Stripe shows what the renewal was
        // for.
        5 if stripe.subscriptions[&id].prices.iter().any(|price| price == UNMAPPED) => {}
        5 => drop(stripe.fail_payment(&id, "subscription_cycle")),
        6 => drop(stripe.set_status(&id, "unpaid")),
        7 => drop(stripe.set_status(&id, "trialing")),
        _ => drop(stripe.set_status(&id, "active")),
    }
}

fn move_subscription(
    stripe: &mut Stripe,
    random: &mut Random,
    subjects: &[&'static str],
    may_move: impl Fn(&BTreeSet<String>) -> bool,
) {
    let Some(id) = any_subscription(stripe, random) else { return };
    let losers = expected::owner(stripe, &stripe.subscriptions[&id]).into_iter().collect();
    if !may_move(&losers) {
        return;
    }
    let subject = random.pick(subjects);
    let named = random.percent(80);
    stripe.change_subscription(&id, |subscription| {
        subscription.metadata.clear();
        if named {
            subscription.metadata.insert(key(subject).to_owned(), subject.to_owned());
        }
    });
}

fn move_customer(
    stripe: &mut Stripe,
    random: &mut Random,
    subjects: &[&'static str],
    may_move: impl Fn(&BTreeSet<String>) -> bool,
) {
    let Some(id) = any_customer(stripe, random) else { return };
    if !may_move(&owners(stripe, &id)) {
        return;
    }
    let subject = random.pick(subjects);
    let named = random.percent(80);
    stripe.change_customer(&id, |metadata| {
        metadata.clear();
        if named {
            metadata.insert(key(subject).to_owned(), subject.to_owned());
        }
    });
}

/// Writes the notes of the previous release about a session's owner. An owner in the session's metadata is
/// copied under the merchant's keys to the subscription, and to the customer if it has none; an owner in
/// `client_reference_id` is copied to the subscription, with a mark.
fn write_notes_of_previous_release(
    stripe: &mut Stripe,
    random: &mut Random,
    may_move: impl Fn(&BTreeSet<String>) -> bool,
) {
    let Some(id) = any_subscription(stripe, random) else { return };
    let found = &stripe.subscriptions[&id];
    let customer = found.customer.clone();
    let customer_state = stripe.customers[&customer].clone();
    if expected::named(&found.metadata).or(expected::named(&customer_state.metadata)).is_some()
        || !may_move(&owners(stripe, &customer))
    {
        return;
    }
    let sessions = || stripe.sessions.iter().filter(|session| session.subscription == id);
    let by_metadata = sessions().find_map(|session| expected::named(&session.metadata));
    let reference = sessions().find_map(|session| session.client_reference_id.clone());
    let Some(subject) = by_metadata.clone().or(reference) else { return };
    let name = (key(&subject).to_owned(), subject);
    let mark = (FORMER_MARK_KEY.to_owned(), "client_reference_id".to_owned());
    let marked = by_metadata.is_none().then_some(mark);
    let noted = name.clone();
    stripe.change_subscription(&id, |subscription| {
        subscription.metadata.extend([noted].into_iter().chain(marked))
    });
    if by_metadata.is_some() && customer_state.presence == Presence::Present {
        stripe.change_customer(&customer, |metadata| metadata.extend([name]));
    }
}

fn delete_customer(stripe: &mut Stripe, random: &mut Random, may_move: impl Fn(&BTreeSet<String>) -> bool) {
    let Some(id) = any_customer(stripe, random) else { return };
    if may_move(&owners(stripe, &id)) {
        let presence = random.pick(&[Presence::DeletedAndListed, Presence::DeletedAndMissing]);
        stripe.delete_customer(&id, presence);
    }
}

fn owners(stripe: &Stripe, customer: &str) -> BTreeSet<String> {
    let subscriptions =
        stripe.subscriptions.values().filter(|subscription| subscription.customer == customer);
    subscriptions.filter_map(|subscription| expected::owner(stripe, subscription)).collect()
}

fn any_customer(stripe: &Stripe, random: &mut Random) -> Option<String> {
    let present: Vec<&String> =
        stripe.customers.iter().filter(|(_, c)| c.presence == Presence::Present).map(|(id, _)| id).collect();
    (!present.is_empty()).then(|| present[random.below(present.len())].clone())
}

/// Returns a random subscription that has not ended. An ended one never becomes active again.
fn any_subscription(stripe: &Stripe, random: &mut Random) -> Option<String> {
    let live: Vec<&String> = stripe
        .subscriptions
        .values()
        .filter(|s| expected::is_live(s))
        .map(|subscription| &subscription.id)
        .collect();
    (!live.is_empty()).then(|| live[random.below(live.len())].clone())
}
