//! Subjects that pay by Clerk Billing, where the document mirrors it: they buy nothing at Stripe besides.

use crate::shared::{Client, Shop, refusal, selling, shop, synced_events};
use serde_json::json;
use tollgate_tests::fakes::clerk::billing::{BillingPlan, BillingSwitch};
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::processes::envoy::{Standalone, yaml};
use tollgate_tests::processes::gateway::Gateway;

/// Sells the plans of the shop, and mirrors Clerk Billing.
fn mirroring(standalone: Standalone) -> Standalone {
    selling(standalone).document(|document| {
        document["clerk_webhook"] = yaml(json!({
            "path": "/webhooks/clerk",
            "signing_secrets": {"env": "CLERK_WEBHOOK_SIGNING_SECRET"},
            "billing": "mirror",
            "clerk": {"cluster": "clerk_api"},
        }));
    })
}

/// Starts a gateway that mirrors Clerk Billing, with the plans at Stripe and at Clerk.
async fn start() -> Gateway {
    let gateway = Gateway::start_with_billing(mirroring).await;
    shop(&gateway);
    gateway.clerk.put_billing_plan(BillingPlan::new("free_user").default_plan());
    for slug in ["pro", "enterprise", "gold"] {
        gateway.clerk.put_billing_plan(BillingPlan::new(slug));
    }
    gateway
}

#[tokio::test]
async fn a_payer_of_clerk_billing_cannot_buy_at_stripe() {
    let gateway = start().await;
    let ada = Client::user(&gateway, "user_ada");
    gateway.clerk.subscribe("user_ada", "pro");
    let (status, shown) = ada.get("subscription").await;
    assert_eq!((status, &shown["plan"], &shown["status"]), (200, &json!("pro"), &json!("active")), "{shown}");
    assert_eq!((&shown["source"], &shown["actions"]), (&json!("clerk_billing"), &json!([])), "{shown}");
    assert!(shown["current_period_end"].is_string() && shown["cancel_at_period_end"] == false, "{shown}");
    let refused = ada.post("checkout", json!({"plan": "enterprise", "interval": "month"})).await;
    assert_eq!(refusal(&refused), (409, "already_subscribed"));
    let body = refused.1;
    let members = (&body["plan"], &body["subscription_status"], &body["source"], &body["actions"]);
    let want = (&json!("pro"), &json!("active"), &json!("clerk_billing"), &json!([]));
    assert_eq!(members, want);
    let buy = || ada.post("checkout", json!({"plan": "enterprise", "interval": "month"}));
    let status_and_source =
        |body: &serde_json::Value| (body["subscription_status"].clone(), body["source"].clone());
    gateway.clerk.edit_billing_items("user_ada", |item| item.past_due_at = Some(1_000));
    gateway.clerk.edit_billing_items("user_ada", |item| {
        if item.status == "active" {
            item.status = "past_due".to_owned();
        }
    });
    let late = buy().await.1;
    assert_eq!(
        status_and_source(&late),
        (json!("past_due"), json!("clerk_billing")),
        "after the grace period"
    );
    gateway.clerk.end_billing("user_ada");
    assert_eq!(buy().await.0, 200, "what has ended excludes nothing");
}

#[tokio::test]
async fn only_what_is_paid_at_clerk_billing_excludes_a_purchase() {
    let gateway = start().await;
    let ada = Client::user(&gateway, "user_ada");
    let buy = || ada.post("checkout", json!({"plan": "pro"}));
    gateway.clerk.open_billing("user_ada");
    assert_eq!(buy().await.0, 200, "the default plan");
    gateway.clerk.subscribe("user_ada", "gold");
    let refused = buy().await;
    assert_eq!(refusal(&refused), (409, "already_subscribed"), "a plan without a name in the document");
    assert_eq!((&refused.1["plan"], &refused.1["source"]), (&json!("free"), &json!("clerk_billing")));
    let faults = gateway.clerk.faults();
    faults.always(on("GET", "/v1/users/user_ada/billing"), Fault::unavailable());
    assert_eq!(refusal(&buy().await), (503, "upstream_unavailable"));
    assert_eq!(refusal(&ada.get("subscription").await), (503, "upstream_unavailable"));
    faults.clear();
    gateway.clerk.set_billing(BillingSwitch::Forbidden);
    assert_eq!(buy().await.0, 200, "without Billing, Clerk charges no one");
}

#[tokio::test]
async fn the_higher_plan_of_both_sources_counts_and_stripe_s_can_be_changed() {
    let Shop { gateway, .. } = Shop { gateway: start().await };
    let ada = Client::user(&gateway, "user_ada");
    let (_, session) = ada.post("checkout", json!({"plan": "pro"})).await;
    gateway.stripe.pay_session(session["id"].as_str().expect("an id"));
    gateway.clerk.subscribe("user_ada", "enterprise");
    synced_events(&gateway).await;
    assert_eq!(gateway.clerk.plan("user_ada").as_deref(), Some("enterprise"));
    let private = gateway.clerk.private_metadata("user_ada");
    assert_eq!(
        (&private["plan_source"], &private["plan_beside"]["plan"]),
        (&json!("clerk_billing"), &json!("pro"))
    );
    let (_, shown) = ada.get("subscription").await;
    assert_eq!(
        (&shown["plan"], &shown["actions"]),
        (&json!("enterprise"), &json!(["change", "cancel", "portal"]))
    );
    gateway.clerk.end_billing("user_ada");
    let (status, canceled) = ada.post("cancel", json!({"at": "now"})).await;
    assert_eq!(
        (status, &canceled["synced"], &canceled["plan"]),
        (200, &json!(true), &json!("free")),
        "{canceled}"
    );
    assert_eq!(gateway.clerk.plan("user_ada").as_deref(), Some("free"));
}
