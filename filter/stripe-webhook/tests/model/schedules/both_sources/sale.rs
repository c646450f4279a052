//! What subjects buy, change, and end at Stripe and at Clerk Billing.

use crate::harness::{FakeItem, FakeResponse, START_S, World, expected};
use serde_json::json;
use tollgate_driver::CalloutResult;
use tollgate_fixtures::Random;

/// Everyone at Clerk.
pub(super) const SUBJECTS: [&str; 2] = ["user_1", "org_1"];
const PRICES: [&str; 3] = ["price_pro", "price_ent", "price_free"];
const SLUGS: [&str; 2] = ["pro", "enterprise"];
const STATUSES: [&str; 7] = ["active", "active", "active", "canceled", "past_due", "ended", "upcoming"];
const SUBSCRIPTIONS_MAX: usize = 6;
const DAY_S: u64 = 86_400;

/// An event of Clerk's.
#[derive(Clone, Debug)]
pub(super) struct ClerkMessage {
    pub(super) id: String,
    pub(super) body: String,
}

/// Returns the subject's customer at Stripe.
pub(super) fn customer(subject: &str) -> String {
    format!("cus_{subject}")
}

/// Returns the rank that Clerk Billing grants.
pub(super) fn rank_at_clerk(world: &World, subject: &str) -> usize {
    let item = world.clerk.billing.get(subject);
    let grants = |item: &&FakeItem| matches!(item.status, "active" | "canceled" | "past_due");
    expected::rank_of_plan(item.filter(grants).map(|item| item.slug))
}

/// Returns the rank that Stripe grants.
pub(super) fn rank_at_stripe(world: &World, subject: &str) -> usize {
    expected::rank_of_plan(Some(expected::record(&world.stripe, subject).plan))
}

/// Returns the failure of a service.
pub(super) fn failure(status: u16) -> CalloutResult {
    FakeResponse::new(status, r#"{"errors":[{"code":"internal"}]}"#.to_owned()).into()
}

/// Makes a change at one of the two; Clerk's event of it, if it is Clerk's.
pub(super) fn change(world: &mut World, random: &mut Random) -> Option<ClerkMessage> {
    let subject = random.pick(&SUBJECTS);
    if random.percent(50) {
        change_at_stripe(world, random, subject);
        return None;
    }
    if random.percent(10) {
        world.clerk.billing.remove(subject);
    } else {
        let status = random.pick(&STATUSES);
        let at_s = if status == "past_due" { START_S - DAY_S } else { START_S + 30 * DAY_S };
        let item = FakeItem { slug: random.pick(&SLUGS), status, at_s };
        world.clerk.billing.insert(subject.to_owned(), item);
    }
    Some(event(subject, random))
}

fn change_at_stripe(world: &mut World, random: &mut Random, subject: &str) {
    let customer = customer(subject);
    let stripe = &mut world.stripe;
    let is_live = |id: &&String| {
        let subscription = &stripe.subscriptions[*id];
        subscription.customer == customer && expected::is_live(subscription)
    };
    let live = stripe.subscriptions.keys().find(is_live).cloned();
    match live {
        Some(id) if random.percent(40) => drop(stripe.set_status(&id, "canceled")),
        Some(id) if random.percent(20) => drop(stripe.set_status(&id, "trialing")),
        Some(id) => drop(stripe.set_price(&id, random.pick(&PRICES))),
        None if stripe.subscriptions.len() < SUBSCRIPTIONS_MAX => {
            let id = format!("sub_{}", stripe.subscriptions.len());
            let key = if subject.starts_with("org_") { "clerk_org_id" } else { "clerk_user_id" };
            stripe.add_subscription(&id, &customer, random.pick(&PRICES), &[(key, subject)]);
        }
        None => {}
    }
}

/// Returns an event that says that something about the billing subscription has changed, and not what.
fn event(subject: &str, random: &mut Random) -> ClerkMessage {
    let (user, organization) = if subject.starts_with("org_") { ("", subject) } else { (subject, "") };
    let kind = random.pick(&["subscription.updated", "subscription.active", "subscription.pastDue"]);
    let body = json!({
        "object": "event", "type": kind, "instance_id": "ins_1", "timestamp": START_S * 1_000,
        "data": {
            "object": "commerce_subscription", "id": "csub_1", "status": "active", "items": [],
            "payer": {"object": "commerce_payer", "user_id": user, "organization_id": organization},
        },
    });
    ClerkMessage { id: format!("msg_{:x}", random.bits()), body: body.to_string() }
}
