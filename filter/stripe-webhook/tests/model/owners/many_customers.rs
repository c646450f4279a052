//! Many customers of one subject, many subscriptions of one customer: what is kept in mind, and what cannot be blocked
//! (DESIGN §3.5 and §3.7).

use crate::harness::{Bench, LISTED_CUSTOMERS_MAX};
use serde_json::{Map, Value, json};

/// So many customers of strangers who each paid and named the victim.
fn strangers(bench: &mut Bench, count: usize) {
    for n in 0..count {
        let (customer, subscription) = (format!("cus_a{n:03}"), format!("sub_a{n:03}"));
        bench.world.stripe.add_customer(&customer, &[]);
        bench.world.stripe.add_subscription(&subscription, &customer, "price_pro", &[]);
        bench.world.stripe.add_session(&subscription, &[], Some("user_1"));
    }
}

fn listed(bench: &Bench) -> Vec<&str> {
    bench.world.clerk.subjects["user_1"].customers("stripe_customers")
}

#[test]
fn at_most_twenty_are_listed_and_those_owned_by_metadata_first() {
    let mut bench = Bench::new();
    bench.world.clerk.add("user_1");
    strangers(&mut bench, LISTED_CUSTOMERS_MAX + 5);
    bench.deliver_from(0);
    assert_eq!(listed(&bench).len(), LISTED_CUSTOMERS_MAX);
    // The victim's own, which comes last in the order of ids.
    bench.world.stripe.add_customer("cus_z", &[("clerk_user_id", "user_1")]);
    let event = bench.world.stripe.add_subscription("sub_z", "cus_z", "price_ent", &[]);
    let delivered = bench.deliver(event);
    assert_eq!((delivered.answer(), bench.plan("user_1")), ((200, "processed"), Some("enterprise")));
    assert!(delivered.alarms().contains(&"too_many_customers"));
    assert!(listed(&bench).len() == LISTED_CUSTOMERS_MAX && listed(&bench).contains(&"cus_z"));
    let event = bench.world.stripe.set_price("sub_z", "price_pro").unwrap();
    assert_eq!(bench.deliver(event).answer(), (200, "processed"));
    assert_eq!(bench.plan("user_1"), Some("pro"));
}

#[test]
fn two_hundred_customers_of_a_stranger_cannot_block_the_victim() {
    let mut bench = Bench::new();
    strangers(&mut bench, 200);
    bench.world.stripe.add_customer("cus_z", &[("clerk_user_id", "user_1")]);
    let event = bench.world.stripe.add_subscription("sub_z", "cus_z", "price_ent", &[]);
    // All were added side by side, so the list is as long as it can get; the victim's own comes last.
    let all: Map<String, Value> =
        bench.world.stripe.customers.keys().map(|id| (id.clone(), json!(true))).collect();
    let private = json!({"stripe_customers": all, "stripe_subscription": "sub_z"});
    bench.world.clerk.add_with("user_1", json!({"plan": "enterprise"}), private);
    // A stranger's events, and then the victim's own: each may need a retry, and none takes anything away.
    for event in [0, 1, 2, 3, event] {
        let tries = (0..4).find(|_| {
            let delivered = bench.deliver(event);
            assert_eq!(bench.plan("user_1"), Some("enterprise"));
            delivered.status == 200
        });
        assert!(tries.is_some(), "event {event} is never answered well");
    }
    assert_eq!(listed(&bench).len(), LISTED_CUSTOMERS_MAX);
    assert!(listed(&bench).contains(&"cus_z"));
    let ended = bench.world.stripe.set_status("sub_z", "canceled").unwrap();
    assert_eq!(bench.deliver(ended).answer(), (200, "processed"));
    assert_eq!(bench.plan("user_1"), Some("pro"), "what strangers pay for");
}

#[test]
fn customers_without_a_subscription_are_replaced_and_still_read() {
    let mut bench = Bench::new();
    bench.world.clerk.add("user_1");
    let user = [("clerk_user_id", "user_1")];
    bench.world.stripe.add_customer("cus_1", &user);
    bench.world.stripe.add_subscription("sub_1", "cus_1", "price_ent", &[]);
    bench.world.stripe.set_status("sub_1", "canceled");
    bench.world.stripe.add_customer("cus_2", &user);
    bench.deliver_from(0);
    let writes = bench.world.clerk.writes;
    let event = bench.world.stripe.add_subscription("sub_2", "cus_2", "price_pro", &[]);
    bench.deliver_from(event);
    assert_eq!(bench.world.clerk.writes, writes + 1);
    assert_eq!(listed(&bench), ["cus_2"]);
}

#[test]
fn all_pages_are_read_and_at_most_ten() {
    for (subscriptions, want) in [(1_000, (200, "processed")), (1_001, (500, "too_many_subscriptions"))] {
        let mut bench = Bench::new();
        bench.world.clerk.add("user_1");
        bench.world.stripe.add_customer("cus_1", &[("clerk_user_id", "user_1")]);
        // The one that grants is the oldest: on the last page.
        bench.world.stripe.add_subscription("sub_0", "cus_1", "price_ent", &[]);
        for n in 1..subscriptions {
            let id = format!("sub_{n}");
            bench.world.stripe.add_subscription(&id, "cus_1", "price_pro", &[]);
            bench.world.stripe.subscriptions.get_mut(&id).unwrap().status = "canceled";
        }
        let delivered = bench.deliver(0);
        assert_eq!(delivered.answer(), want, "{subscriptions}");
        assert_eq!(bench.plan("user_1"), (want.0 == 200).then_some("enterprise"));
    }
}

#[test]
fn many_unowned_subscriptions_of_a_customer_cost_bounded_callouts() {
    let mut bench = Bench::new();
    bench.world.stripe.add_customer("cus_1", &[]);
    for n in 0..100 {
        bench.world.stripe.add_subscription(&format!("sub_{n}"), "cus_1", "price_pro", &[]);
    }
    let event =
        bench.world.stripe.change_customer("cus_1", |metadata| drop(metadata.insert("a".into(), "b".into())));
    let delivered = bench.deliver(event.unwrap());
    assert_eq!(delivered.answer(), (200, "no_subject"));
    assert!(delivered.sent.len() <= 25, "{}", delivered.sent.len());
}
