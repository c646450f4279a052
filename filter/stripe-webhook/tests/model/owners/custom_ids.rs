//! Ids that merchants choose for customers, prices, and products, and ids that are not allowed in a path.

use crate::harness::{FakePrice, Model, is_to, metadata};
use serde_json::json;
use std::collections::BTreeSet;
use tollgate_core::backfill::Intent;

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

/// Creates a user and a customer with this id, who pays a legacy price of a product that names its plan.
fn buy(model: &mut Model, customer: &str) -> usize {
    let stripe = &mut model.world.stripe;
    stripe.products.insert("gold tier & 2".into(), metadata(&[("plan", "pro")]));
    let price = FakePrice { product: "gold tier & 2".into(), ..FakePrice::default() };
    stripe.prices.insert("monthly8usd".into(), price);
    stripe.add_customer(customer, &USER);
    let event = stripe.add_subscription("sub_1", customer, "monthly8usd", &[]);
    model.world.clerk.add("user_1");
    event
}

#[test]
fn a_customer_of_any_id_is_synced_and_kept_on_the_list() {
    for customer in ["10482", "ada+1@example.com", "Ada & sons; ltd. (1)", "..x", "user_2"] {
        let mut model = Model::new();
        let event = buy(&mut model, customer);
        assert_eq!(model.deliver(event).response(), (200, "processed"), "{customer}");
        assert_eq!(model.plan("user_1"), Some("pro"), "{customer}");
        let listed = |model: &Model| {
            let subject = &model.world.clerk.subjects["user_1"];
            subject.customers("stripe_customers").into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(listed(&model), [customer]);
        // The subscription of another customer of the user ends. The plan stays, because the first customer
        // is in the record.
        model.world.stripe.add_customer("cus_2", &USER);
        let second = model.world.stripe.add_subscription("sub_2", "cus_2", "price_pro", &[]);
        model.deliver(second);
        let ended = model.world.stripe.set_status("sub_2", "canceled").unwrap();
        assert_eq!(model.deliver(ended).response(), (200, "processed"), "{customer}");
        assert_eq!(model.plan("user_1"), Some("pro"), "{customer}");
        let changed = model.world.stripe.change_customer(customer, |pairs| {
            pairs.insert("note".into(), "x".into());
        });
        assert_eq!(model.deliver(changed.unwrap()).response(), (200, "processed"), "{customer}");
        let ended = model.world.stripe.set_status("sub_1", "canceled").unwrap();
        assert_eq!(model.deliver(ended).response(), (200, "processed"), "{customer}");
        assert_eq!(model.plan("user_1"), Some("free"), "{customer}");
    }
}

#[test]
fn the_command_takes_a_customer_of_any_id() {
    for customer in ["10482", "Ada & sons"] {
        let mut model = Model::new();
        buy(&mut model, customer);
        model.sync_customer(customer, Intent::Apply);
        assert_eq!(model.plan("user_1"), Some("pro"), "{customer}");
    }
    let mut model = Model::new();
    buy(&mut model, "10482");
    model.sync_subject("user_1", Intent::Apply);
    assert_eq!(model.plan("user_1"), Some("pro"));
    let mut model = Model::new();
    buy(&mut model, "10482");
    model.sync_all(Intent::Apply).unwrap();
    assert_eq!(model.plan("user_1"), Some("pro"));
}

#[test]
fn an_id_that_cannot_be_asked_for_is_an_alarm_and_no_failure() {
    let mut model = Model::new();
    let object = json!({"id": "a/../b", "object": "customer", "metadata": {}}).to_string();
    let event = model.world.stripe.emit("customer.updated", &object, "{}", BTreeSet::new());
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), delivered.alarms()), ((200, "ignored"), vec!["unknown_ids"]));
    // The event names a subscription that can be read, but its customer cannot.
    let event = buy(&mut model, "a%2fb");
    let delivered = model.deliver(event);
    assert_eq!(delivered.status, 200, "{delivered:?}");
    assert_eq!(delivered.alarms(), ["unknown_ids"]);
    let was_read = |path| model.callouts.iter().any(|callout| is_to(callout, "GET", path));
    assert!(was_read("/v1/subscriptions/sub_1") && !was_read("2fb"));
}
