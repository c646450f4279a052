//! Tests of changes of subscriptions: items, prorations, and failed payments.

use serde_json::{Value, json};

use super::super::FakeStripe;
use super::super::model::{Card, ChargeFailure, Customer, Invoice, Price, Subscription};
use super::{PAID_CHANGE, assert_refused, get, post, post_form, shop, types};

const NOW: i64 = 1_800_000_000;
const DAY_S: i64 = 24 * 3600;
const PATH: &str = "/v1/subscriptions/sub_1";

/// A change to the price of 50 dollars, which is charged immediately.
const UPGRADE: [(&str, &str); 3] =
    [("items[0][id]", "si_1_1"), ("items[0][price]", "price_team"), ("proration_behavior", "always_invoice")];

/// Returns a fake with a subscription of 20 dollars for 30 days, of which 10 have passed.
async fn subscribed() -> FakeStripe {
    let stripe = shop().await;
    stripe.set_now(NOW);
    stripe.put(Price::new("price_team").amount(5000));
    stripe.put(Price::new("price_year").amount(20_000).every(1, "year"));
    stripe.put(Price::new("price_seat").amount(300));
    stripe.put(Price::new("price_once").one_time());
    stripe.put(Price::new("price_old").archived());
    let period = (NOW - 10 * DAY_S, NOW + 20 * DAY_S);
    stripe.change::<Subscription>("sub_1", |s| s.items[0].set_period(period));
    stripe
}

fn with<'a>(form: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    form.iter().chain(more).copied().collect()
}

async fn changed(stripe: &FakeStripe, form: &[(&str, &str)]) -> Value {
    let (status, subscription) = post_form(stripe, PATH, form).await;
    assert_eq!(status, 200, "{subscription}");
    subscription
}

fn prices(subscription: &Value) -> Vec<(&str, i64)> {
    let items = subscription["items"]["data"].as_array().unwrap();
    items.iter().map(|i| (i["price"]["id"].as_str().unwrap(), i["quantity"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn an_upgrade_with_always_invoice_is_paid_at_once() {
    let stripe = subscribed().await;
    let subscription = changed(&stripe, &with(&UPGRADE, &[("items[0][quantity]", "2")])).await;
    assert_eq!(prices(&subscription), [("price_team", 2)]);
    assert_eq!(subscription["items"]["data"][0]["id"], "si_1_1");
    let invoice = stripe.object(subscription["latest_invoice"].as_str().unwrap());
    // Two thirds of the period are left: 2 × 50 − 20 dollars for 20 of 30 days.
    assert_eq!((&invoice["total"], &invoice["status"]), (&json!(6667 - 1333), &json!("paid")));
    assert_eq!(invoice["billing_reason"], "subscription_update");
    let amounts: Vec<_> =
        invoice["lines"]["data"].as_array().unwrap().iter().map(|l| l["amount"].clone()).collect();
    assert_eq!(amounts, [json!(-1333), json!(6667)]);
    let line = &invoice["lines"]["data"][1];
    assert_eq!(line["description"], "Remaining time on 2 × Product prod_team");
    assert_eq!(line["period"], json!({"start": NOW, "end": NOW + 20 * DAY_S}));
    assert_eq!(line["parent"]["subscription_item_details"]["proration"], true);
    assert_eq!(types(&stripe), PAID_CHANGE);
}

#[tokio::test]
async fn prorations_count_from_their_date_or_not_at_all() {
    let stripe = subscribed().await;
    let half = (NOW + 5 * DAY_S).to_string();
    let subscription = changed(&stripe, &with(&UPGRADE, &[("proration_date", &half)])).await;
    let invoice = stripe.get::<Invoice>(subscription["latest_invoice"].as_str().unwrap());
    assert_eq!(invoice.total, 1500, "half of 50 − 20 dollars");
    let outside = (NOW + 21 * DAY_S).to_string();
    let form = with(&UPGRADE, &[("proration_date", &outside)]);
    assert_refused(&stripe, PATH, "after the period", &form, ("", "proration_date")).await;

    for (behavior, later) in [("create_prorations", vec![-3333, 1333]), ("none", vec![])] {
        stripe.change::<Subscription>("sub_1", |s| s.pending_lines.clear());
        let form =
            [("items[0][id]", "si_1_1"), ("items[0][price]", "price_pro"), ("proration_behavior", behavior)];
        let after = changed(&stripe, &form).await;
        assert_eq!((prices(&after), &after["latest_invoice"]), (vec![("price_pro", 1)], &json!(invoice.id)));
        let lines = stripe.get::<Subscription>("sub_1").pending_lines;
        assert_eq!(lines.iter().map(|line| line.amount).collect::<Vec<_>>(), later, "{behavior}");
        stripe.change::<Subscription>("sub_1", |s| s.items[0].price = "price_team".to_owned());
    }
}

#[tokio::test]
async fn a_downgrade_leaves_a_credit_that_the_next_invoice_uses() {
    let stripe = subscribed().await;
    stripe.change::<Subscription>("sub_1", |s| s.items[0].price = "price_team".to_owned());
    let form = with(&UPGRADE[..1], &[("items[0][price]", "price_pro"), UPGRADE[2]]);
    let subscription = changed(&stripe, &form).await;
    let invoice = stripe.object(subscription["latest_invoice"].as_str().unwrap());
    assert_eq!((&invoice["total"], &invoice["amount_due"]), (&json!(-2000), &json!(0)));
    assert_eq!((&invoice["status"], &invoice["ending_balance"]), (&json!("paid"), &json!(-2000)));
    assert_eq!(stripe.get::<Customer>("cus_1").balance, -2000);
    let subscription = changed(&stripe, &with(&UPGRADE, &[("items[0][quantity]", "2")])).await;
    let invoice = stripe.get::<Invoice>(subscription["latest_invoice"].as_str().unwrap());
    assert_eq!((invoice.total, invoice.amount_due), (5334, 3334));
    assert_eq!(stripe.get::<Customer>("cus_1").balance, 0);
}

#[tokio::test]
async fn another_interval_begins_a_period_and_is_paid_at_once() {
    let stripe = subscribed().await;
    let form = [("items[0][id]", "si_1_1"), ("items[0][price]", "price_year")];
    let subscription = changed(&stripe, &form).await;
    let item = &subscription["items"]["data"][0];
    assert_eq!(item["current_period_start"], NOW);
    assert_eq!(item["current_period_end"], NOW + 365 * DAY_S);
    let invoice = stripe.get::<Invoice>(subscription["latest_invoice"].as_str().unwrap());
    assert_eq!((invoice.total, invoice.status.as_str()), (20_000 - 1333, "paid"));
}

#[tokio::test]
async fn an_entry_without_id_adds_an_item() {
    let stripe = subscribed().await;
    let subscription = changed(&stripe, &[("items[0][price]", "price_team")]).await;
    assert_eq!(prices(&subscription), [("price_pro", 1), ("price_team", 1)]);
    let added = subscription["items"]["data"][1]["id"].as_str().unwrap().to_owned();
    let form = [
        ("items[0][id]", added.as_str()),
        ("items[0][deleted]", "true"),
        ("items[1][price]", "price_seat"),
        ("items[1][quantity]", "5"),
    ];
    assert_eq!(prices(&changed(&stripe, &form).await), [("price_pro", 1), ("price_seat", 5)]);
    for (why, form, code, param) in [
        ("the price it has", vec![("items[0][price]", "price_pro")], "", "items"),
        ("no such item", vec![("items[0][id]", "si_0")], "resource_missing", "items[0][id]"),
        ("no such price", vec![("items[0][price]", "price_0")], "resource_missing", "items[0][price]"),
        ("an archived price", vec![("items[0][price]", "price_old")], "", "items[0][price]"),
        ("a one-time price", vec![("items[0][price]", "price_once")], "", "items[0][price]"),
        ("neither id nor price", vec![("items[0][quantity]", "2")], "parameter_missing", "items[0][price]"),
        ("the text form", vec![("billing_cycle_anchor", "now")], "parameter_unknown", "billing_cycle_anchor"),
        ("an unknown word", vec![("proration_behavior", "all")], "", "proration_behavior"),
        ("a removed parameter", vec![("coupon", "c")], "parameter_unknown", "coupon"),
        ("trial in the past", vec![("trial_end", "1")], "", "trial_end"),
    ] {
        assert_refused(&stripe, PATH, why, &form, (code, param)).await;
    }
    assert_eq!(post(&stripe, PATH, "description=x").await.0, 501);
    let form = [("items[0][id]", "si_1_1"), ("items[0][deleted]", "true")];
    stripe.change::<Subscription>("sub_1", |s| s.items.truncate(1));
    assert_refused(&stripe, PATH, "no item is left", &form, ("", "items")).await;
}

#[tokio::test]
async fn a_failed_payment_with_pending_if_incomplete_changes_no_plan() {
    let stripe = subscribed().await;
    let path = "?expand[]=payments.data.payment.payment_intent";
    let form = with(&UPGRADE, &[("payment_behavior", "pending_if_incomplete"), ("metadata[b]", "2")]);
    for (card, status, code) in [
        (Card::Declines, "requires_payment_method", json!("generic_decline")),
        (Card::NeedsAuthentication, "requires_action", Value::Null),
    ] {
        stripe.set_card("cus_1", card);
        let before = stripe.get::<Subscription>("sub_1").latest_invoice;
        let subscription = changed(&stripe, &form).await;
        assert_eq!(
            (prices(&subscription), &subscription["status"]),
            (vec![("price_pro", 1)], &json!("active"))
        );
        assert_eq!(subscription["metadata"], json!({"a": "1"}));
        let pending = &subscription["pending_update"];
        assert_eq!(pending["subscription_items"][0]["price"]["id"], "price_team");
        assert_eq!(pending["expires_at"], NOW + 23 * 3600);
        let id = subscription["latest_invoice"].as_str().unwrap();
        let invoice = get(&stripe, &format!("/v1/invoices/{id}{path}")).await.1;
        assert_eq!((&invoice["status"], &invoice["amount_due"]), (&json!("open"), &json!(2000)));
        assert_eq!(invoice["hosted_invoice_url"], format!("http://{}/i/{id}", stripe.addr()));
        let intent = &invoice["payments"]["data"][0]["payment"]["payment_intent"];
        assert_eq!(
            (intent["status"].as_str(), &intent["last_payment_error"]["decline_code"]),
            (Some(status), &code)
        );
        if let Some(before) = before {
            assert_eq!(stripe.get::<Invoice>(&before).status, "void", "the change before it is replaced");
        }
    }
    stripe.take_events();
    let invoice = stripe.get::<Subscription>("sub_1").latest_invoice.unwrap();
    assert_eq!(stripe.collect_invoice(&invoice), Err(ChargeFailure::AuthenticationRequired));
    stripe.set_card("cus_1", Card::Works);
    assert_eq!(stripe.collect_invoice(&invoice), Ok(()));
    let subscription = stripe.object("sub_1");
    assert_eq!(
        (prices(&subscription), &subscription["pending_update"]),
        (vec![("price_team", 1)], &json!(null))
    );
    assert_eq!(subscription["metadata"], json!({"a": "1", "b": "2"}));
    assert!(types(&stripe).contains(&"customer.subscription.pending_update_applied".to_owned()));
}

#[tokio::test]
async fn voiding_the_open_invoice_drops_the_pending_update() {
    let stripe = subscribed().await;
    stripe.change::<Customer>("cus_1", |c| (c.card, c.balance) = (Card::Declines, -500));
    let subscription =
        changed(&stripe, &with(&UPGRADE, &[("payment_behavior", "pending_if_incomplete")])).await;
    let id = subscription["latest_invoice"].as_str().unwrap();
    assert_eq!(stripe.get::<Customer>("cus_1").balance, 0);
    stripe.take_events();
    let (status, invoice) = post(&stripe, &format!("/v1/invoices/{id}/void"), "").await;
    assert_eq!((status.as_u16(), &invoice["status"]), (200, &json!("void")));
    assert_eq!(stripe.get::<Customer>("cus_1").balance, -500, "the credit is back");
    assert_eq!(stripe.object("sub_1")["pending_update"], Value::Null);
    assert_eq!(
        types(&stripe),
        ["payment_intent.canceled", "invoice.voided", "customer.subscription.updated"]
    );
    assert_eq!(post(&stripe, &format!("/v1/invoices/{id}/void"), "").await.0, 400, "once");
}

#[tokio::test]
async fn only_some_parameters_go_with_pending_if_incomplete() {
    let stripe = subscribed().await;
    for name in ["cancel_at_period_end", "cancellation_details[comment]", "cancel_at"] {
        let form = [("payment_behavior", "pending_if_incomplete"), (name, "true")];
        let base = name.split('[').next().unwrap();
        let (status, body) = post_form(&stripe, PATH, &form).await;
        assert_eq!((status.as_u16(), &body["error"]["param"]), (400, &json!(base)), "{body}");
        let message = body["error"]["message"].as_str().unwrap();
        let want = format!("you can only pass supported params. `{base}` is not supported.");
        assert!(message.contains(&want), "{message}");
    }
}

#[tokio::test]
async fn error_if_incomplete_answers_402_and_changes_nothing() {
    let stripe = subscribed().await;
    let before = stripe.object("sub_1");
    let form = with(&UPGRADE, &[("payment_behavior", "error_if_incomplete"), ("metadata[b]", "2")]);
    for (card, status, code, kind) in [
        (Card::Declines, 402, "card_declined", "card_error"),
        (Card::NeedsAuthentication, 402, "subscription_payment_intent_requires_action", "card_error"),
        (Card::Missing, 400, "resource_missing", "invalid_request_error"),
    ] {
        stripe.set_card("cus_1", card);
        let (got, body) = post_form(&stripe, PATH, &form).await;
        let error = &body["error"];
        assert_eq!(
            (got.as_u16(), &error["code"], &error["type"]),
            (status, &json!(code), &json!(kind)),
            "{body}"
        );
        assert_eq!(stripe.object("sub_1"), before, "{card:?}");
    }
    assert_eq!(types(&stripe), [""; 0]);
    stripe.set_card("cus_1", Card::Works);
    assert_eq!(prices(&changed(&stripe, &form).await), [("price_team", 1)]);
}

#[tokio::test]
async fn by_default_a_failed_payment_makes_it_past_due() {
    let stripe = subscribed().await;
    stripe.set_card("cus_1", Card::Declines);
    let subscription = changed(&stripe, &UPGRADE).await;
    assert_eq!(
        (prices(&subscription), &subscription["status"]),
        (vec![("price_team", 1)], &json!("past_due"))
    );
    stripe.set_card("cus_1", Card::Works);
    stripe.collect_invoice(subscription["latest_invoice"].as_str().unwrap()).unwrap();
    assert_eq!(stripe.object("sub_1")["status"], "active");
}

#[tokio::test]
async fn a_trial_costs_nothing_until_it_is_ended() {
    let stripe = subscribed().await;
    let end = NOW + 20 * DAY_S;
    stripe.change::<Subscription>("sub_1", |s| *s = s.clone().trial(NOW - 10 * DAY_S, end));
    let subscription = changed(&stripe, &UPGRADE).await;
    assert_eq!(
        (prices(&subscription), &subscription["status"]),
        (vec![("price_team", 1)], &json!("trialing"))
    );
    assert_eq!(subscription["latest_invoice"], Value::Null);
    let later = (end + DAY_S).to_string();
    let subscription = changed(&stripe, &[("trial_end", &later)]).await;
    assert_eq!(subscription["items"]["data"][0]["current_period_end"], end + DAY_S);
    let subscription = changed(&stripe, &[("trial_end", "now")]).await;
    assert_eq!((&subscription["status"], &subscription["trial_end"]), (&json!("active"), &json!(NOW)));
    assert_eq!(subscription["items"]["data"][0]["current_period_end"], NOW + 31 * DAY_S);
    assert_eq!(stripe.get::<Invoice>(subscription["latest_invoice"].as_str().unwrap()).total, 5000);
}
