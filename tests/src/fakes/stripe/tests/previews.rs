//! Previews of invoices.

use serde_json::{Value, json};

use super::super::FakeStripe;
use super::super::model::{Customer, Invoice, Price, Subscription};
use super::{assert_refused, post_form, shop, taken};

const NOW: i64 = 1_800_000_000;
const DAY_S: i64 = 24 * 3600;
const PATH: &str = "/v1/invoices/create_preview";

async fn subscribed() -> FakeStripe {
    let stripe = shop().await;
    stripe.set_now(NOW);
    stripe.put(Price::new("price_team").amount(5000));
    stripe.change::<Subscription>("sub_1", |s| s.items[0].set_period((NOW - 10 * DAY_S, NOW + 20 * DAY_S)));
    stripe
}

const UPGRADE: [(&str, &str); 4] = [
    ("subscription", "sub_1"),
    ("subscription_details[items][0][id]", "si_1_1"),
    ("subscription_details[items][0][price]", "price_team"),
    ("subscription_details[proration_behavior]", "always_invoice"),
];

fn amounts(preview: &Value) -> Vec<i64> {
    preview["lines"]["data"].as_array().unwrap().iter().map(|l| l["amount"].as_i64().unwrap()).collect()
}

async fn previewed(stripe: &FakeStripe, form: &[(&str, &str)]) -> Value {
    let (status, preview) = post_form(stripe, PATH, form).await;
    assert_eq!(status, 200, "{preview}");
    preview
}

#[tokio::test]
async fn a_preview_is_what_the_change_costs_at_the_same_date() {
    let stripe = subscribed().await;
    let before = stripe.object("sub_1");
    let date = NOW.to_string();
    let form = [&UPGRADE[..], &[("subscription_details[proration_date]", &*date)]].concat();
    let preview = previewed(&stripe, &form).await;
    assert_eq!((&preview["amount_due"], &preview["currency"]), (&json!(2000), &json!("usd")));
    assert_eq!(amounts(&preview), [-1333, 3333]);
    let line = &preview["lines"]["data"][0];
    assert_eq!(line["description"], "Unused time on 1 × Product prod_pro");
    assert_eq!(line["period"], json!({"start": NOW, "end": NOW + 20 * DAY_S}));
    assert!(preview["id"].as_str().unwrap().starts_with("upcoming_in_"));
    assert_eq!((&preview["status"], &preview["hosted_invoice_url"]), (&json!("draft"), &json!(null)));
    assert_eq!(stripe.object("sub_1"), before);
    assert_eq!(taken(&stripe), [], "a preview changes nothing");

    stripe.set_now(NOW + 300);
    let form = [
        ("items[0][id]", "si_1_1"),
        ("items[0][price]", "price_team"),
        ("proration_behavior", "always_invoice"),
        ("proration_date", &*date),
    ];
    let subscription = post_form(&stripe, "/v1/subscriptions/sub_1", &form).await.1;
    let invoice = stripe.get::<Invoice>(subscription["latest_invoice"].as_str().unwrap());
    assert_eq!(preview["amount_due"], invoice.amount_due);
}

#[tokio::test]
async fn a_preview_of_the_next_invoice_has_the_prorations_and_the_period() {
    let stripe = subscribed().await;
    let plain = previewed(&stripe, &UPGRADE[..1]).await;
    assert_eq!(amounts(&plain), [2000]);
    let period = json!({"start": NOW + 20 * DAY_S, "end": NOW + (20 + 28) * DAY_S});
    assert_eq!(plain["lines"]["data"][0]["period"], period);
    for (behavior, want) in [("create_prorations", vec![-1333, 3333, 5000]), ("none", vec![5000])] {
        let form = [&UPGRADE[..3], &[("subscription_details[proration_behavior]", behavior)]].concat();
        assert_eq!(amounts(&previewed(&stripe, &form).await), want, "{behavior}");
    }
    stripe.change::<Customer>("cus_1", |customer| customer.balance = -500);
    assert_eq!(previewed(&stripe, &UPGRADE[..1]).await["amount_due"], 1500, "less the credit");
}

#[tokio::test]
async fn previews_that_stripe_refuses_are_refused() {
    let stripe = subscribed().await;
    let with = |name: &'static str, value: &'static str| [&UPGRADE[..], &[(name, value)]].concat();
    let (item, date) = ("subscription_details[items][0][id]", "subscription_details[proration_date]");
    let anchor = "subscription_details[billing_cycle_anchor]";
    for (why, form, code, param) in [
        ("no subscription", vec![], "parameter_missing", "subscription"),
        ("no such subscription", vec![("subscription", "sub_0")], "resource_missing", "subscription"),
        ("no such item", with(item, "si_0"), "resource_missing", item),
        ("after the period", with(date, "1900000000"), "", date),
        ("the text form", with(anchor, "now"), "parameter_unknown", anchor),
        (
            "the form of old",
            with("subscription_items[0][id]", "si"),
            "parameter_unknown",
            "subscription_items[0][id]",
        ),
    ] {
        assert_refused(&stripe, PATH, why, &form, (code, param)).await;
    }
    stripe.change::<Subscription>("sub_1", |s| s.cancel_at = Some(NOW + 20 * DAY_S));
    let (status, body) = post_form(&stripe, PATH, &UPGRADE[..1]).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (404, &json!("invoice_upcoming_none")));
    assert_eq!(
        previewed(&stripe, &UPGRADE).await["amount_due"],
        2000,
        "the amount that is charged immediately"
    );
}
