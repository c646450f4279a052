//! The whole loop of a team without billing code: the application's page calls the billing endpoints, Stripe
//! delivers its events, and the gate lets the user in.

use crate::shared::{Client, Shop};
use serde_json::{Value, json};
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::faults::on;
use tollgate_tests::fakes::stripe::DeliverySettings;
use tollgate_tests::fakes::stripe::model::Subscription;
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_PATH, WEBHOOK_SECRET};

const USER: &str = "user_ada";

async fn act(client: &Client<'_>, path: &str, body: Value) -> Value {
    let (status, response) = client.post(path, body).await;
    assert_eq!(status, 200, "{path}: {response}");
    response
}

/// Returns the status of a request to the upstream with a session token as Clerk would issue it now.
async fn ask(gateway: &Gateway) -> u16 {
    let token = gateway.clerk.token(USER).sign();
    gateway.get("/ask").bearer_auth(token).send().await.expect("a response").status().as_u16()
}

#[tokio::test]
async fn from_signing_in_to_the_last_invoice() {
    let Shop { gateway, .. } = Shop::start().await;
    let delivery = gateway
        .stripe
        .deliver_events(DeliverySettings::new(&gateway.envoy.url(WEBHOOK_PATH), WEBHOOK_SECRET));
    gateway.clerk.put_user(User::new(USER).private_metadata(json!({"trial_used": true})));
    let ada = Client::with_token(&gateway, gateway.token(USER, "free"));

    for _ in 0..5 {
        assert_eq!(ask(&gateway).await, 200);
    }
    assert_eq!(ask(&gateway).await, 429, "five a day");
    let (_, page) = ada.get("plans").await;
    assert_eq!(page["plans"][1]["prices"][0]["amount"], 2000);

    let session = act(&ada, "checkout", json!({"plan": "pro"})).await;
    let pay_page = reqwest::get(session["url"].as_str().expect("a URL")).await.expect("Stripe's page");
    assert!(pay_page.text().await.is_ok_and(|html| html.contains("Pay")), "the buyer sees a button");
    gateway.stripe.pay_session(session["id"].as_str().expect("an id"));
    delivery.finish().await;
    assert_eq!(ask(&gateway).await, 200, "a hundred a month");

    let canceled = act(&ada, "cancel", json!({})).await;
    assert_eq!(canceled["pending"]["plan"], "free");
    act(&ada, "resume", json!({})).await;
    let upgrade = json!({"plan": "enterprise", "interval": "month"});
    let preview = act(&ada, "change/preview", upgrade.clone()).await;
    let mut upgrade = upgrade;
    upgrade["proration_date"] = preview["proration_date"].clone();
    let upgraded = act(&ada, "change", upgrade).await;
    assert_eq!((&upgraded["plan"], &upgraded["synced"]), (&json!("enterprise"), &json!(true)));
    assert_eq!(gateway.clerk.plan(USER).as_deref(), Some("enterprise"));

    let downgraded = act(&ada, "change", json!({"plan": "pro"})).await;
    assert_eq!(downgraded["pending"]["plan"], "pro");
    delivery.finish().await;
    let subscription = gateway.stripe.account(|account| {
        account.newest_first::<Subscription>(|_| true).first().map(|found| found.items[0].current_period_end)
    });
    gateway.stripe.advance_to(subscription.expect("a subscription") + 10);
    delivery.finish().await;
    assert_eq!(gateway.clerk.plan(USER).as_deref(), Some("pro"), "at the end of the period");

    let (_, invoices) = ada.get("invoices?limit=2").await;
    let list = invoices["invoices"].as_array().expect("a list").clone();
    assert_eq!((list.len(), &invoices["has_more"]), (2, &json!(true)), "{invoices}");
    let after = list[1]["id"].as_str().expect("an id");
    let (_, next) = ada.get(&format!("invoices?after={after}")).await;
    assert!(next["invoices"].as_array().is_some_and(|rest| !rest.is_empty()), "{next}");
    let audit = gateway.envoy.log();
    for action in
        ["checkout_started", "cancel_requested", "resumed", "change_requested", "upgraded", "downgraded"]
    {
        assert!(audit.contains(&format!(r#"{{"audit":"{action}""#)), "no audit line {action}");
    }
}

#[tokio::test]
async fn a_page_that_is_loaded_often_costs_stripe_little() {
    let Shop { gateway, .. } = Shop::start().await;
    gateway.clerk.put_user(User::new(USER).private_metadata(json!({"trial_used": true})));
    let ada = Client::with_token(&gateway, gateway.token(USER, "free"));
    let session = act(&ada, "checkout", json!({"plan": "pro"})).await;
    gateway.stripe.pay_session(session["id"].as_str().expect("an id"));
    crate::shared::synced_events(&gateway).await;
    let lists = on("GET", "/v1/subscriptions");
    gateway.stripe.log().clear();
    for _ in 0..12 {
        assert_eq!(ada.get("subscription").await.1["plan"], "pro");
    }
    // One read of each worker is a list and the recorded subscription.
    assert!(gateway.stripe.log().count(&lists) <= 4, "{}", gateway.stripe.log().count(&lists));
    act(&ada, "cancel", json!({})).await;
    for _ in 0..12 {
        assert_eq!(ada.get("subscription").await.1["cancel_at_period_end"], true, "on every worker at once");
    }
}
