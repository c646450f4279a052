//! Defects of deliveries and of the billing endpoints, on one gateway with all filters.

use super::{once, twice};
use crate::recording::{AlertSeries, Recording};
use reqwest::Method;
use serde_json::json;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::clerk::billing::{ClerkEvent, INSTANCE};
use tollgate_tests::fakes::faults::{Fault, Matcher, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Subscription};
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::gateway::Gateway;

/// The number of ten minutes in a week.
const WEEK: usize = 7 * 24 * 6;

pub async fn recordings() -> Vec<Recording> {
    let gateway = Gateway::start_build(Standalone::load(), |shipped| {
        shipped.document(|document| {
            let clerk_webhook = &mut document["clerk_webhook"];
            clerk_webhook["billing"] = "mirror".into();
            clerk_webhook["instance"] = INSTANCE.into();
            clerk_webhook["on_deleted"] = "cancel_at_period_end".into();
            clerk_webhook["stripe"]["cluster"] = "stripe_api".into();
        })
    })
    .await;
    sell(&gateway);
    let mut recordings = silence(&gateway).await;
    recordings.extend(failures(&gateway).await);
    recordings.extend(findings(&gateway).await);
    recordings
}

/// Lets user_1 have one subscription, user_2 two, and a customer one that names no user.
fn sell(gateway: &Gateway) {
    let (stripe, clerk) = (&gateway.stripe, &gateway.clerk);
    stripe.put(Price::new("price_123"));
    let sold = [("sub_1", "cus_1", "user_1"), ("sub_2", "cus_2", "user_2"), ("sub_3", "cus_2", "user_2")];
    for (subscription, customer, user) in sold {
        clerk.put_user(User::new(user));
        stripe.put(Customer::new(customer));
        let subscription = Subscription::new(subscription, customer).item("price_123");
        stripe.put(subscription.metadata("clerk_user_id", user));
    }
    stripe.put(Customer::new("cus_without_user"));
    stripe.put(Subscription::new("sub_without_user", "cus_without_user").item("price_123"));
}

async fn deliver(gateway: &Gateway, subscription: &str, times: usize) {
    for _ in 0..times {
        gateway.deliver(&gateway.stripe.event("customer.subscription.updated", subscription)).await;
    }
}

async fn deliver_from_clerk(gateway: &Gateway, times: usize) {
    for _ in 0..times {
        let id = gateway.stripe.event("customer.updated", "cus_1").event_id().replace("evt", "msg");
        gateway.deliver_from_clerk(&ClerkEvent::of_payer(&id, "subscription.updated", "user_1")).await;
    }
}

/// Records senders whose deliveries stop.
async fn silence(gateway: &Gateway) -> Vec<Recording> {
    let new = AlertSeries::of(&gateway.envoy).await;
    deliver(gateway, "sub_1", 12).await;
    let from_stripe = AlertSeries::of(&gateway.envoy).await;
    deliver_from_clerk(gateway, 6).await;
    let from_both = AlertSeries::of(&gateway.envoy).await;
    deliver(gateway, "sub_1", 1).await;
    let lately = AlertSeries::of(&gateway.envoy).await;

    let restarted = gateway.replica(|envoy| envoy.env("STRIPE_WEBHOOK_SECRET", "whsec_of_another")).await;
    for _ in 0..12 {
        let event = gateway.stripe.event("customer.subscription.updated", "sub_1");
        let refused = gateway.deliver_to(&restarted, &event, unix_now()).await.expect("a response");
        assert_eq!(refused.status(), 400);
    }
    let refusing = AlertSeries::of(&restarted).await;

    // Four days; a week, the last ten hours of it with a wrong secret.
    let silent = 4 * 24 * 6;
    let wrong_secret =
        vec![(12, new.clone()), (WEEK - 72, from_stripe.clone()), (12, lately), (70, refusing)];
    vec![
        Recording::of_weeks(
            "Stripe delivers nothing for days",
            vec![(12, new), (silent, from_stripe.clone())],
            &["TollgateWebhookSilent"],
        ),
        Recording::of_weeks(
            "Clerk delivers nothing for days",
            vec![(12, from_stripe), (silent, from_both)],
            &["TollgateClerkWebhookSilent"],
        ),
        Recording::of_weeks("the signing secret is wrong", wrong_secret, &["TollgateWebhookStopped"]),
    ]
}

/// Records calls that fail at Stripe or Clerk.
async fn failures(gateway: &Gateway) -> Vec<Recording> {
    let (stripe, clerk) = (gateway.stripe.faults(), gateway.clerk.faults());
    let subscriptions = || -> Matcher { on("GET", "/v1/subscriptions") };
    let reset = twice(&gateway.envoy, async || {
        stripe.next(3, subscriptions(), Fault::Reset);
        deliver(gateway, "sub_1", 3).await;
    })
    .await;
    let refused = once(&gateway.envoy, async || {
        let key_refused = Fault::status(401, &json!({"error": {"type": "invalid_request_error"}}));
        stripe.next(1, subscriptions(), key_refused);
        deliver(gateway, "sub_1", 1).await;
    })
    .await;
    let throttled = twice(&gateway.envoy, async || {
        stripe.next(12, subscriptions(), Fault::stripe_rate_limit());
        deliver(gateway, "sub_1", 12).await;
    })
    .await;
    let clerk_down = twice(&gateway.envoy, async || {
        clerk.next(3, on("GET", "/v1/users/user_1"), Fault::unavailable());
        deliver_from_clerk(gateway, 3).await;
    })
    .await;
    let billing = twice(&gateway.envoy, async || {
        stripe.next(3, subscriptions(), Fault::Reset);
        for _ in 0..3 {
            let cancel = gateway.request(Method::POST, "/billing/cancel").json(&json!({}));
            let failed = cancel.bearer_auth(gateway.token("user_1", "pro")).send().await.expect("a response");
            assert_eq!(failed.status(), 503);
        }
    })
    .await;
    vec![
        Recording::lasting("Stripe resets connections", reset, &["TollgateWebhookFailing"]),
        Recording::once("Stripe refuses the key", refused, &["TollgateKeyRefused"]),
        Recording::lasting(
            "Stripe's rate limit is reached",
            throttled,
            &["TollgateCalloutsThrottled", "TollgateWebhookFailing"],
        ),
        Recording::lasting("Clerk is down", clerk_down, &["TollgateClerkWebhookFailing"]),
        Recording::lasting("Stripe resets connections of billing", billing, &["TollgateBillingFailing"]),
    ]
}

/// Records deliveries that show a defect of what was sold.
async fn findings(gateway: &Gateway) -> Vec<Recording> {
    let without_owner = once(&gateway.envoy, async || deliver(gateway, "sub_without_user", 1).await).await;
    let double = once(&gateway.envoy, async || deliver(gateway, "sub_3", 1).await).await;
    let deleted = once(&gateway.envoy, async || {
        let event = ClerkEvent::deleted("msg_deleted", "user_1", unix_now());
        gateway.deliver_from_clerk(&event).await;
    })
    .await;
    vec![
        Recording::once("a subscription names no user", without_owner, &["TollgateUnknownOwner"]),
        Recording::once("a user pays twice", double, &["TollgateDoubleSubscription"]),
        Recording::once("a deleted user still exists", deleted, &["TollgateDeletedNotCanceled"]),
    ]
}
