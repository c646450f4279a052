//! Tests of the effects of time at Stripe.

use super::super::FakeStripe;
use super::super::model::{Card, Customer, Invoice, Session, Subscription};
use super::{PAID_CHANGE, post, post_form, shop, taken, types};

const NOW: i64 = 1_800_000_000;
const DAY_S: i64 = 24 * 3600;
const END: i64 = NOW + 20 * DAY_S;

async fn subscribed() -> FakeStripe {
    let stripe = shop().await;
    stripe.set_now(NOW);
    stripe.change::<Subscription>("sub_1", |s| s.items[0].set_period((NOW - 10 * DAY_S, END)));
    stripe
}

#[tokio::test]
async fn a_subscription_is_renewed_and_collects_prorations() {
    let stripe = subscribed().await;
    post(&stripe, "/v1/subscriptions/sub_1", "items[0][id]=si_1_1&items[0][quantity]=2").await;
    stripe.take_events();
    stripe.advance_to(END);
    let subscription = stripe.get::<Subscription>("sub_1");
    let invoice = stripe.get::<Invoice>(&subscription.latest_invoice.unwrap());
    assert_eq!((invoice.total, invoice.status.as_str()), (4000 + 2667 - 1333, "paid"));
    assert!(subscription.pending_lines.is_empty(), "they are collected once");
    assert_eq!(types(&stripe), PAID_CHANGE);
    // Two more: from 2027-02-04 to 2027-03-04 and to 2027-04-04.
    stripe.advance_to(END + 28 * DAY_S + 31 * DAY_S);
    assert_eq!(types(&stripe).iter().filter(|kind| *kind == "invoice.paid").count(), 2);
}

#[tokio::test]
async fn a_renewal_that_is_not_paid_makes_it_past_due() {
    let stripe = subscribed().await;
    stripe.set_card("cus_1", Card::InsufficientFunds);
    stripe.advance_to(END);
    let subscription = stripe.get::<Subscription>("sub_1");
    assert_eq!(subscription.status, "past_due");
    assert!(types(&stripe).contains(&"invoice.payment_failed".to_owned()));
    stripe.set_card("cus_1", Card::Works);
    stripe.collect_invoice(&subscription.latest_invoice.unwrap()).unwrap();
    assert_eq!(stripe.get::<Subscription>("sub_1").status, "active");
    assert_eq!(types(&stripe).last().unwrap(), "customer.subscription.updated");
}

#[tokio::test]
async fn a_trial_ends_by_its_setting_if_there_is_no_card() {
    for (card, setting, status, event) in [
        (Card::Missing, Some("cancel"), "canceled", "customer.subscription.deleted"),
        (Card::Missing, Some("pause"), "paused", "customer.subscription.paused"),
        (Card::Missing, None, "past_due", "customer.subscription.updated"),
        (Card::Works, Some("cancel"), "active", "customer.subscription.updated"),
    ] {
        let stripe = subscribed().await;
        stripe.set_card("cus_1", card);
        stripe.change::<Subscription>("sub_1", |s| {
            *s = s.clone().trial(NOW, END);
            s.missing_payment_method = setting.map(str::to_owned);
        });
        stripe.advance_to(END);
        assert_eq!(stripe.get::<Subscription>("sub_1").status, status, "{card:?} {setting:?}");
        assert_eq!(types(&stripe).last().unwrap(), event, "{card:?} {setting:?}");
    }
}

#[tokio::test]
async fn a_pending_update_expires_after_23_hours() {
    let stripe = subscribed().await;
    stripe.set_card("cus_1", Card::Declines);
    let form = [
        ("items[0][id]", "si_1_1"),
        ("items[0][quantity]", "2"),
        ("proration_behavior", "always_invoice"),
        ("payment_behavior", "pending_if_incomplete"),
    ];
    post_form(&stripe, "/v1/subscriptions/sub_1", &form).await;
    let subscription = stripe.get::<Subscription>("sub_1");
    stripe.advance_to(NOW + 23 * 3600 - 1);
    assert!(stripe.get::<Subscription>("sub_1").pending_update.is_some());
    stripe.advance_to(NOW + 23 * 3600);
    let after = stripe.get::<Subscription>("sub_1");
    assert_eq!((after.pending_update, after.items), (None, subscription.items));
    assert_eq!(stripe.get::<Invoice>(&subscription.latest_invoice.unwrap()).status, "void");
    assert_eq!(types(&stripe).last().unwrap(), "customer.subscription.pending_update_expired");
}

#[tokio::test]
async fn an_open_session_expires_at_its_time() {
    let stripe = subscribed().await;
    stripe.put(Customer::new("cus_2"));
    let form = [
        ("mode", "subscription"),
        ("customer", "cus_2"),
        ("line_items[0][price]", "price_pro"),
        ("line_items[0][quantity]", "1"),
        ("success_url", "https://app.example.com/"),
        ("expires_at", "1800001800"),
    ];
    let (_, session) = post_form(&stripe, "/v1/checkout/sessions", &form).await;
    let id = session["id"].as_str().unwrap();
    stripe.advance_to(1_800_001_799);
    assert_eq!(stripe.get::<Session>(id).status, "open");
    stripe.advance_to(1_800_001_800);
    assert_eq!(stripe.get::<Session>(id).status, "expired");
    assert_eq!(taken(&stripe), [("checkout.session.expired".to_owned(), id.to_owned())]);
}
