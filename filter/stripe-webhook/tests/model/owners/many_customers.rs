//! Many customers of one subject, many subscriptions of one customer: which are recorded, and what an
//! attacker cannot block.

use crate::harness::{LISTED_CUSTOMERS_MAX, Model};
use serde_json::{Map, Value, json};

/// Adds customers of attackers; each has paid, and named the victim.
fn attackers(model: &mut Model, count: usize) {
    for n in 0..count {
        let (customer, subscription) = (format!("cus_a{n:03}"), format!("sub_a{n:03}"));
        model.world.stripe.add_customer(&customer, &[]);
        model.world.stripe.add_subscription(&subscription, &customer, "price_pro", &[]);
        model.world.stripe.add_session(&subscription, &[], Some("user_1"));
    }
}

fn listed(model: &Model) -> Vec<&str> {
    model.world.clerk.subjects["user_1"].customers("stripe_customers")
}

#[test]
fn at_most_twenty_are_listed_and_those_owned_by_metadata_first() {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    attackers(&mut model, LISTED_CUSTOMERS_MAX + 5);
    model.deliver_from(0);
    assert_eq!(listed(&model).len(), LISTED_CUSTOMERS_MAX);
    // The victim's own, which comes last in the order of ids.
    model.world.stripe.add_customer("cus_z", &[("clerk_user_id", "user_1")]);
    let event = model.world.stripe.add_subscription("sub_z", "cus_z", "price_ent", &[]);
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("enterprise")));
    let alarm = delivered.alarm("too_many_customers");
    assert_eq!(alarm["subject"], "user_1", "{:?}", delivered.alarms());
    let not_listed = alarm["object"].as_str().unwrap();
    assert!(not_listed.starts_with("cus_") && !listed(&model).contains(&not_listed), "{alarm}");
    assert!(listed(&model).len() == LISTED_CUSTOMERS_MAX && listed(&model).contains(&"cus_z"));
    let event = model.world.stripe.set_price("sub_z", "price_pro").unwrap();
    assert_eq!(model.deliver(event).response(), (200, "processed"));
    assert_eq!(model.plan("user_1"), Some("pro"));
}

#[test]
fn two_hundred_customers_of_an_attacker_cannot_block_the_victim() {
    let mut model = Model::new();
    attackers(&mut model, 200);
    model.world.stripe.add_customer("cus_z", &[("clerk_user_id", "user_1")]);
    let event = model.world.stripe.add_subscription("sub_z", "cus_z", "price_ent", &[]);
    // All were added concurrently, so the list has its maximum length; the victim's own customer comes last.
    let all: Map<String, Value> =
        model.world.stripe.customers.keys().map(|id| (id.clone(), json!(true))).collect();
    let private = json!({"stripe_customers": all, "stripe_subscription": "sub_z"});
    model.world.clerk.add_with("user_1", json!({"plan": "enterprise"}), private);
    // An attacker's events, and then the victim's own: each may need a retry, and none takes anything away.
    for event in [0, 1, 2, 3, event] {
        let tries = (0..4).find(|_| {
            let delivered = model.deliver(event);
            assert_eq!(model.plan("user_1"), Some("enterprise"));
            delivered.status == 200
        });
        assert!(tries.is_some(), "event {event} never gets a 2xx");
    }
    assert_eq!(listed(&model).len(), LISTED_CUSTOMERS_MAX);
    assert!(listed(&model).contains(&"cus_z"));
    let ended = model.world.stripe.set_status("sub_z", "canceled").unwrap();
    assert_eq!(model.deliver(ended).response(), (200, "processed"));
    assert_eq!(model.plan("user_1"), Some("pro"), "what attackers pay for");
}

#[test]
fn customers_without_a_subscription_are_replaced_and_still_read() {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    let user = [("clerk_user_id", "user_1")];
    model.world.stripe.add_customer("cus_1", &user);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_ent", &[]);
    model.world.stripe.set_status("sub_1", "canceled");
    model.world.stripe.add_customer("cus_2", &user);
    model.deliver_from(0);
    let writes = model.world.clerk.writes;
    let event = model.world.stripe.add_subscription("sub_2", "cus_2", "price_pro", &[]);
    model.deliver_from(event);
    assert_eq!(model.world.clerk.writes, writes + 1);
    assert_eq!(listed(&model), ["cus_2"]);
}

#[test]
fn all_pages_are_read_and_at_most_ten() {
    for (subscriptions, want) in [(1_000, (200, "processed")), (1_001, (500, "too_many_subscriptions"))] {
        let mut model = Model::new();
        model.world.clerk.add("user_1");
        model.world.stripe.add_customer("cus_1", &[("clerk_user_id", "user_1")]);
        // The one that grants is the oldest: on the last page.
        model.world.stripe.add_subscription("sub_0", "cus_1", "price_ent", &[]);
        for n in 1..subscriptions {
            let id = format!("sub_{n}");
            model.world.stripe.add_subscription(&id, "cus_1", "price_pro", &[]);
            model.world.stripe.subscriptions.get_mut(&id).unwrap().status = "canceled";
        }
        let delivered = model.deliver(0);
        assert_eq!(delivered.response(), want, "{subscriptions}");
        assert_eq!(model.plan("user_1"), (want.0 == 200).then_some("enterprise"));
    }
}

#[test]
fn many_unowned_subscriptions_of_a_customer_cost_bounded_callouts() {
    let mut model = Model::new();
    model.world.stripe.add_customer("cus_1", &[]);
    for n in 0..100 {
        model.world.stripe.add_subscription(&format!("sub_{n}"), "cus_1", "price_pro", &[]);
    }
    let event =
        model.world.stripe.change_customer("cus_1", |metadata| drop(metadata.insert("a".into(), "b".into())));
    let delivered = model.deliver(event.unwrap());
    assert_eq!(delivered.response(), (200, "no_subject"));
    assert!(delivered.sent.len() <= 25, "{}", delivered.sent.len());
    assert_eq!(delivered.alarms(), ["no_subject"; 10], "the lines are bounded too");
}
