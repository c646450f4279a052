//! The duration of a sync: sequential round trips, the deadline, and no unnecessary write.

use crate::harness::{Model, START_S, is_to, parts};
use std::time::Duration;
use tollgate_core::time::Micros;
use tollgate_driver::CalloutResult;

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

fn model() -> Model {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model
}

/// A model, and the event that is delivered in it.
type RoundTripCase = fn(&mut Model) -> usize;

#[test]
fn the_write_comes_after_two_round_trips_when_the_event_names_the_subject() {
    let cases: [(&str, RoundTripCase); 5] = [
        ("the subscription names it", |model| {
            model.world.stripe.add_customer("cus_1", &[]);
            model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER)
        }),
        ("a product's metadata name the plan", |model| {
            model.world.stripe.add_customer("cus_1", &[]);
            model.world.stripe.add_subscription("sub_1", "cus_1", "price_by_product", &USER)
        }),
        ("the session names it by metadata", |model| {
            model.world.stripe.add_customer("cus_1", &[]);
            model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
            model.world.stripe.add_session("sub_1", &USER, None)
        }),
        ("the session names it by reference", |model| {
            model.world.stripe.add_customer("cus_1", &[]);
            model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
            model.world.stripe.add_session("sub_1", &[], Some("user_1"))
        }),
        ("a payment failed, and the open invoices decide", |model| {
            model.world.stripe.add_customer("cus_1", &[]);
            model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
            model.world.stripe.clock_s = START_S - 60;
            model.world.stripe.fail_payment("sub_1", "subscription_cycle")
        }),
    ];
    for (why, case) in cases {
        let mut model = model();
        let event = case(&mut model);
        let delivered = model.deliver(event);
        assert_eq!(delivered.response(), (200, "processed"), "{why}");
        assert_eq!(model.plan("user_1"), Some("pro"), "{why}");
        assert_eq!(delivered.round_trips(), (2, 4), "{why}: {:#?}", delivered.sent);
    }
}

#[test]
fn a_write_takes_at_most_four_round_trips() {
    // Another customer of the subject holds a subscription that only its session names, and that only its
    // product's metadata map.
    let second_customer = |model: &mut Model| {
        model.world.stripe.add_customer("cus_0", &[]);
        model.world.stripe.add_subscription("sub_0", "cus_0", "price_pro", &USER);
        model.deliver_from(0);
        model.world.stripe.prices.get_mut("price_ent").unwrap().product = "prod_ent".into();
        model.world.stripe.add_subscription("sub_o", "cus_0", "price_by_product", &[]);
        model.world.stripe.add_session("sub_o", &USER, None);
    };
    let mut model = model();
    second_customer(&mut model);
    model.world.stripe.add_customer("cus_1", &[]);
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_ent", &[]);
    model.world.stripe.add_session("sub_1", &USER, None);
    let delivered = model.deliver(event);
    assert_eq!(model.plan("user_1"), Some("enterprise"));
    assert_eq!(delivered.round_trips().0, 4, "{:#?}", delivered.sent);
}

#[test]
fn the_same_state_twice_is_written_once() {
    let mut model = model();
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    model.world.stripe.add_session("sub_1", &USER, None);
    model.world.stripe.clock_s = START_S - 60;
    model.world.stripe.fail_payment("sub_1", "subscription_cycle");
    model.deliver_from(0);
    assert_eq!(model.world.clerk.writes, 1);
    // As long as nothing changes, any number of any events writes nothing.
    for event in 0..model.world.stripe.events.len() {
        model.world.now = model.world.now.plus(Duration::from_secs(100));
        let delivered = model.deliver(event);
        assert_eq!(
            (delivered.response(), delivered.writes().len()),
            ((200, "processed"), 0),
            "event {event}"
        );
        assert_eq!(delivered.body["changed"], false);
    }
}

#[test]
fn only_differences_are_written() {
    let mut model = model();
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
    model.deliver_from(0);
    let event = model.world.stripe.change_subscription("sub_1", |s| s.cancel_at_period_end = true).unwrap();
    model.callouts.clear();
    model.deliver(event);
    let bodies: Vec<_> = model
        .callouts
        .iter()
        .filter(|callout| is_to(callout, "PATCH", "/v1/users/user_1/metadata"))
        .map(|callout| parts(callout).3.escape_ascii().to_string().replace('\\', ""))
        .collect();
    assert_eq!(bodies, [r#"{"public_metadata":{"subscription":{"cancel_at_period_end":true}}}"#]);
}

#[test]
fn no_response_takes_longer_than_eight_seconds() {
    for (callout_ms, want) in [
        (1_900, (200, "processed")), // 4 × 1.9 s
        (1_999, (200, "processed")),
        (2_700, (503, "out_of_time")), // if the cluster's own timeout did not hold: the fourth may not start
    ] {
        let mut model = model();
        model.callout_takes = Duration::from_millis(callout_ms);
        model.world.stripe.add_customer("cus_1", &[]);
        let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
        let began = model.world.now;
        let delivered = model.deliver(event);
        assert_eq!(delivered.response(), want, "{callout_ms} ms");
        let given = |callout: &tollgate_core::http::Callout| callout.timeout;
        assert!(model.callouts.iter().map(given).max() <= Some(Duration::from_secs(2)));
        assert!(delivered.status == 503 || model.world.now.since(began) <= Duration::from_secs(8));
    }
}

#[test]
fn each_callout_gets_at_most_the_remaining_time() {
    let mut model = model();
    model.callout_takes = Duration::from_millis(1_950);
    model.world.stripe.add_customer("cus_1", &[]);
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
    let began = Micros::from_secs(START_S);
    model.deliver(event);
    assert!(model.world.now.since(began) < Duration::from_secs(8));
    assert_eq!(model.callouts.last().unwrap().timeout, Duration::from_secs(2), "2.15 s were left");
    model.fails = |callout| is_to(callout, "PATCH", "/").then_some(CalloutResult::TimedOut);
    model.callout_takes = Duration::from_millis(2_200);
    let event = model.world.stripe.set_price("sub_1", "price_ent").unwrap();
    model.callouts.clear();
    assert_eq!(model.deliver(event).response(), (503, "upstream_unavailable"));
    assert_eq!(model.callouts.last().unwrap().timeout, Duration::from_secs(2), "3.6 s were left");
}
