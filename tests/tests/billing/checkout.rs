//! Tests of buying: the plans for sale, one customer, one session, one subscription, and one trial.

use crate::shared::{Client, SHOP, Shop, refusal, shop, synced_events};
use reqwest::Method;
use serde_json::{Value, json};
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::fakes::stripe::model::{Card, Customer, Price, Session, Subscription};
use tollgate_tests::processes::gateway::Gateway;

/// Returns the sessions of a customer at Stripe, with their status.
fn sessions(gateway: &Gateway, customer: &str) -> Vec<(String, String)> {
    gateway.stripe.account(|account| {
        let of_customer =
            account.newest_first::<Session>(|session| session.customer.as_deref() == Some(customer));
        of_customer.into_iter().map(|session| (session.id.clone(), session.status.clone())).collect()
    })
}

/// Returns the customers at Stripe whose metadata names the subject.
fn customers(gateway: &Gateway, subject: &str) -> Vec<String> {
    gateway.stripe.account(|account| {
        let named = account.newest_first::<Customer>(|customer| {
            customer.metadata.get("clerk_user_id").map(String::as_str) == Some(subject)
        });
        named.into_iter().map(|customer| customer.id.clone()).collect()
    })
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

#[tokio::test]
async fn the_pricing_page_shows_what_stripe_sells() {
    let gateway = SHOP.gateway().await;
    shop(&gateway);
    let response = gateway.get("/billing/plans").send().await.expect("a response");
    assert_eq!(response.headers()["cache-control"], "public, max-age=60");
    let body: Value = response.json().await.expect("JSON");
    let want = json!({"plans": [
        {"plan": "free", "features": [], "limits": {"asks": [{"max": 5, "per": "day"}]}, "prices": []},
        {"plan": "pro", "features": [], "limits": {"asks": [{"max": 100, "per": "month"}]}, "prices": [
            {"interval": "month", "interval_count": 1, "amount": 2000, "currency": "usd", "trial_days": 14}]},
        {"plan": "enterprise", "features": ["sso"], "limits": {"asks": "unlimited"}, "prices": [
            {"interval": "month", "interval_count": 1, "amount": 9000, "currency": "usd"},
            {"interval": "year", "interval_count": 1, "amount": 90000, "currency": "usd"}]},
    ]});
    assert_eq!(body, want);
}

#[tokio::test]
async fn a_purchase_of_a_plan_closes_the_loop() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Client::user(&gateway, "user_ada");
    assert_eq!(ada.get("subscription").await.1["status"], "none");
    let (status, session) = ada.post("checkout", json!({"plan": "pro"})).await;
    assert_eq!(status, 200, "{session}");
    assert!(text(&session, "url").starts_with("http") && text(&session, "expires_at").ends_with('Z'));
    let back = gateway.stripe.pay_session(&text(&session, "id"));
    assert_eq!(back, format!("https://app.example.com/billing?session={}", text(&session, "id")));
    synced_events(&gateway).await;
    assert_eq!(gateway.clerk.plan("user_ada").as_deref(), Some("pro"));
    assert_eq!(gateway.clerk.private_metadata("user_ada")["trial_used"], true);
    let (_, shown) = ada.get("subscription").await;
    assert_eq!((&shown["plan"], &shown["status"]), (&json!("pro"), &json!("trialing")));
    assert_eq!(shown["actions"], json!(["change", "cancel", "portal"]));
    let second = ada.post("checkout", json!({"plan": "enterprise", "interval": "year"})).await;
    assert_eq!(refusal(&second), (409, "already_subscribed"));
    assert_eq!((&second.1["plan"], &second.1["subscription_status"]), (&json!("pro"), &json!("trialing")));
}

#[tokio::test]
async fn what_is_sold_is_named_completely() {
    let gateway = SHOP.gateway().await;
    shop(&gateway);
    let ada = Client::user(&gateway, "user_intervals");
    let several = ada.post("checkout", json!({"plan": "enterprise"})).await;
    assert_eq!(refusal(&several), (400, "interval_required"));
    assert_eq!(several.1["intervals"], json!(["month", "year"]));
    for (body, want) in [
        (json!({"plan": "free"}), "plan_not_for_sale"),
        (json!({"plan": "pro", "interval": "year"}), "plan_not_for_sale"),
        (json!({"purchase": "gold"}), "unknown_purchase"),
    ] {
        assert_eq!(refusal(&ada.post("checkout", body.clone()).await), (400, want), "{body}");
    }
    let (status, session) =
        ada.post("checkout", json!({"plan": "enterprise", "interval": "year", "quantity": 3})).await;
    assert_eq!(status, 200, "{session}");
}

#[tokio::test]
async fn twenty_clicks_on_two_gateways_make_one_customer_and_one_session() {
    let Shop { gateway, .. } = Shop::start().await;
    let replica = Shop::replica(&gateway).await;
    let ada = Client::user(&gateway, "user_ada");
    let mut clicks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let request = match number % 2 {
            0 => ada.request(Method::POST, "checkout"),
            _ => ada.request_to(&replica, Method::POST, "checkout"),
        };
        clicks.spawn(crate::shared::send(request.json(&json!({"plan": "pro"}))));
    }
    let answers = clicks.join_all().await;
    let ids: std::collections::BTreeSet<String> = answers
        .iter()
        .map(|(status, body)| {
            assert_eq!(*status, 200, "{body}");
            text(body, "id")
        })
        .collect();
    assert_eq!(ids.len(), 1, "one session");
    let customers = customers(&gateway, "user_ada");
    assert_eq!(customers.len(), 1, "one customer");
    assert_eq!(sessions(&gateway, &customers[0]).len(), 1);
    assert_eq!(gateway.clerk.private_metadata("user_ada")["stripe_customer"], json!(customers[0]));
}

#[tokio::test]
async fn only_the_last_of_several_checkouts_can_be_paid() {
    let gateway = SHOP.gateway().await;
    shop(&gateway);
    let ada = Client::user(&gateway, "user_sessions");
    let first = text(&ada.post("checkout", json!({"plan": "pro"})).await.1, "id");
    let again = text(&ada.post("checkout", json!({"plan": "pro"})).await.1, "id");
    assert_eq!(first, again, "the same parameters are the same session");
    let second =
        text(&ada.post("checkout", json!({"plan": "enterprise", "interval": "month"})).await.1, "id");
    assert_ne!(first, second);
    let customer = customers(&gateway, "user_sessions").remove(0);
    let status = |id: &str| {
        sessions(&gateway, &customer).into_iter().find(|(known, _)| known == id).map(|(_, status)| status)
    };
    assert_eq!((status(&first).as_deref(), status(&second).as_deref()), (Some("expired"), Some("open")));
    let purchase = text(&ada.post("checkout", json!({"purchase": "credits_100"})).await.1, "id");
    assert_eq!(status(&second).as_deref(), Some("open"), "a session for a purchase stays open");
    let third = text(&ada.post("checkout", json!({"plan": "pro"})).await.1, "id");
    assert!(third != first && third != second, "the first was expired");
    assert_eq!(status(&purchase).as_deref(), Some("open"));
}

#[tokio::test]
async fn a_trial_is_given_once() {
    let Shop { gateway, .. } = Shop::start().await;
    let trial = |session: &str| gateway.stripe.get::<Session>(session).settings.trial_days;
    // A customer that was forgotten by Clerk, but that Stripe's search finds.
    gateway.stripe.put(Customer::new("cus_old").metadata("clerk_user_id", "user_found"));
    gateway
        .stripe
        .put(Subscription::new("sub_old", "cus_old").item("price_123").trial(1, 2).status("canceled"));
    for (user, private, want) in [
        ("user_new", json!({}), Some(14)),
        ("user_used", json!({"trial_used": true}), None),
        ("user_found", json!({}), None),
    ] {
        gateway.clerk.put_user(User::new(user).private_metadata(private));
        let client = Client::with_token(&gateway, gateway.token(user, "free"));
        let (status, session) = client.post("checkout", json!({"plan": "pro"})).await;
        assert_eq!(status, 200, "{user}: {session}");
        assert_eq!(trial(&text(&session, "id")), want, "{user}");
    }
    assert_eq!(customers(&gateway, "user_found"), ["cus_old"], "the customer that was found");
}

#[tokio::test]
async fn a_lost_response_creates_nothing_twice() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Client::user(&gateway, "user_ada");
    for path in ["/v1/customers", "/v1/checkout/sessions"] {
        gateway.stripe.faults().next(1, on("POST", path), Fault::LoseResponse);
        let lost = ada.post("checkout", json!({"plan": "pro"})).await;
        assert_eq!(refusal(&lost), (503, "upstream_unavailable"), "{path}");
    }
    let (status, session) = ada.post("checkout", json!({"plan": "pro"})).await;
    assert_eq!(status, 200, "{session}");
    let customers = customers(&gateway, "user_ada");
    assert_eq!(customers.len(), 1);
    assert_eq!(sessions(&gateway, &customers[0]).len(), 1);
}

#[tokio::test]
async fn a_purchase_has_an_invoice_and_changes_no_plan() {
    let gateway = SHOP.gateway().await;
    shop(&gateway);
    let ada = Client::user(&gateway, "user_credits");
    let (status, session) = ada.post("checkout", json!({"purchase": "credits_100", "quantity": 2})).await;
    assert_eq!(status, 200, "{session}");
    gateway.stripe.pay_session(&text(&session, "id"));
    let (_, list) = ada.get("invoices").await;
    assert_eq!(list["invoices"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(
        (&list["invoices"][0]["total"], &list["invoices"][0]["status"]),
        (&json!(1000), &json!("paid"))
    );
    assert_eq!(ada.get("subscription").await.1["status"], "none");
}

#[tokio::test]
async fn a_foreign_customer_in_the_record_is_neither_charged_nor_shown() {
    let Shop { gateway, .. } = Shop::start().await;
    gateway.stripe.put(Customer::new("cus_victim").metadata("clerk_user_id", "user_victim"));
    let private = json!({"stripe_customer": "cus_victim", "stripe_customers": {"cus_victim": true}});
    gateway.clerk.put_user(User::new("user_mallory").private_metadata(private));
    let mallory = Client::with_token(&gateway, gateway.token("user_mallory", "free"));
    assert_eq!(mallory.get("subscription").await.1["actions"], json!(["checkout"]), "no portal");
    assert_eq!(refusal(&mallory.post("portal", json!({})).await), (404, "no_customer"));
    assert_eq!(mallory.get("invoices").await.1, json!({"invoices": [], "has_more": false}));
    let (status, session) = mallory.post("checkout", json!({"plan": "pro"})).await;
    assert_eq!(status, 200, "{session}");
    let bought_by = gateway.stripe.get::<Session>(&text(&session, "id")).customer;
    assert_ne!(bought_by.as_deref(), Some("cus_victim"), "a customer of its own");
}

#[tokio::test]
async fn a_declined_card_buys_nothing() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Client::user(&gateway, "user_ada");
    let session =
        text(&ada.post("checkout", json!({"plan": "enterprise", "interval": "month"})).await.1, "id");
    assert!(gateway.stripe.pay_session_with(&session, Card::Declines).is_err());
    synced_events(&gateway).await;
    assert_eq!(ada.get("subscription").await.1["status"], "none");
}

#[tokio::test]
async fn prices_that_stripe_does_not_sell_are_not_for_sale() {
    let Shop { gateway, .. } = Shop::start().await;
    gateway.stripe.put(Price::new("price_123").archived());
    let ada = Client::user(&gateway, "user_ada");
    assert_eq!(refusal(&ada.post("checkout", json!({"plan": "pro"})).await), (400, "plan_not_for_sale"));
    assert!(gateway.envoy.log().contains("price_unavailable"));
}

#[tokio::test]
async fn a_completed_checkout_expires_the_others() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Client::user(&gateway, "user_ada");
    let paid = text(&ada.post("checkout", json!({"plan": "pro"})).await.1, "id");
    let session = |id: &str, subject: &str| Session {
        id: id.to_owned(),
        status: "open".to_owned(),
        subscription: None,
        metadata: [("clerk_user_id", subject), ("tollgate_parameters", "tollgate-x")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..gateway.stripe.get::<Session>(&paid)
    };
    // As if another gateway had created it a moment later; and one of another subject with the same customer.
    gateway.stripe.put(session("cs_test_other", "user_ada"));
    gateway.stripe.put(session("cs_test_bob", "user_bob"));
    gateway.stripe.pay_session(&paid);
    synced_events(&gateway).await;
    let status = |id: &str| gateway.stripe.get::<Session>(id).status;
    assert_eq!((status("cs_test_other").as_str(), status("cs_test_bob").as_str()), ("expired", "open"));
}

#[tokio::test]
async fn two_subscriptions_raise_an_alarm() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Client::user(&gateway, "user_ada");
    let session = text(&ada.post("checkout", json!({"plan": "pro"})).await.1, "id");
    gateway.stripe.pay_session(&session);
    let customer = customers(&gateway, "user_ada").remove(0);
    let second =
        Subscription::new("sub_second", &customer).item("price_ent").metadata("clerk_user_id", "user_ada");
    gateway.stripe.put(second);
    synced_events(&gateway).await;
    let log = gateway.envoy.log();
    let alarm = log.lines().find(|line| line.contains("double_subscription"));
    assert!(alarm.is_some_and(|line| line.contains("sub_second")), "no alarm that names both");
}
