//! A price that maps to no plan, with `unmapped_price: retry`: what is known is written first, and the event
//! is retried only if the price could change that.

use crate::harness::{FakeMetadata, Model, is_to};
use serde_json::json;
use tollgate_core::backfill::Intent;
use tollgate_driver::CalloutResult;

const USER: (&str, &str) = ("clerk_user_id", "user_1");
const WAITS: (u16, &str) = (503, "unmapped_price");
const IS_DONE: (u16, &str) = (200, "processed");

fn model() -> Model {
    let mut model = Model::configured(json!({"unmapped_price": "retry"}));
    ["user_1", "org_1"].iter().for_each(|subject| model.world.clerk.add(subject));
    model.world.stripe.add_customer("cus_1", &[]);
    model
}

#[test]
fn a_new_price_is_retried_and_counts_once_it_is_mapped() {
    let mut model = model();
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_new", &[USER]);
    for _ in 0..2 {
        let delivered = model.deliver(event);
        assert_eq!((delivered.response(), model.plan("user_1")), (WAITS, Some("free")));
        assert!(delivered.alarms().contains(&"unmapped_price") && delivered.header("retry-after").is_some());
    }
    model.world.stripe.prices.get_mut("price_new").unwrap().metadata.insert("plan".into(), "pro".into());
    assert_eq!((model.deliver(event).response(), model.plan("user_1")), (IS_DONE, Some("pro")));
}

#[test]
fn a_newsletter_keeps_no_plan_alive_that_ended() {
    let mut model = model();
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_ent", &[USER]);
    model.deliver_from(0);
    let newsletter = model.world.stripe.add_subscription("sub_n", "cus_1", "price_new", &[USER]);
    assert_eq!(model.deliver(newsletter).response(), IS_DONE, "there is no higher plan that it could give");
    let event = model.world.stripe.set_status("sub_1", "canceled").unwrap();
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), model.plan("user_1")), (WAITS, Some("free")));
    assert_eq!(delivered.audit()[0]["audit"], "deactivated");
    assert_eq!(
        model.deliver(event).response(),
        WAITS,
        "a retry gets the same response, and nothing is written"
    );
    assert_eq!(model.world.clerk.writes, 2);
}

#[test]
fn an_attackers_subscription_delays_no_upgrade() {
    let mut model = model();
    model.world.stripe.add_customer("cus_s", &[]);
    model.world.stripe.add_subscription("sub_s", "cus_s", "price_new", &[]);
    let attacker = model.world.stripe.add_session("sub_s", &[], Some("user_1"));
    let delivered = model.deliver(attacker);
    assert_eq!((delivered.response(), delivered.alarms()), (IS_DONE, vec!["unmapped_price"]));
    for (price, plan) in [("price_pro", "pro"), ("price_ent", "enterprise")] {
        let first = model.world.stripe.events.len();
        model.world.stripe.add_subscription(&format!("sub_{plan}"), "cus_1", price, &[USER]);
        assert_eq!((model.deliver_from(first).response(), model.plan("user_1")), (IS_DONE, Some(plan)));
    }
}

#[test]
fn the_plan_that_a_new_price_keeps_is_waited_for_whatever_it_is() {
    for (price, plan) in [("price_pro", "pro"), ("price_ent", "enterprise")] {
        let mut model = model();
        model.world.stripe.add_subscription("sub_1", "cus_1", price, &[USER]);
        model.deliver_from(0);
        let event = model.world.stripe.set_price("sub_1", "price_new").unwrap();
        assert_eq!((model.deliver(event).response(), model.plan("user_1")), (WAITS, Some(plan)));
    }
}

#[test]
fn the_command_writes_what_is_known_and_then_fails() {
    let mut model = model();
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[USER]);
    model.world.stripe.add_subscription("sub_n", "cus_1", "price_new", &[USER]);
    let dry_run = model.sync_customer("cus_1", Intent::DryRun);
    assert!(dry_run.outcomes[0].change.is_some() && model.written().is_empty());
    let conclusion = model.sync_customer("cus_1", Intent::Apply);
    assert_eq!(conclusion.failure.map(|failure| failure.code.as_str()), Some("unmapped_price"));
    assert_eq!(model.plan("user_1"), Some("pro"));
    assert!(conclusion.outcomes[0].change.is_some());
}

#[test]
fn an_error_of_one_subject_does_not_stop_the_others() {
    type Fail = fn(&tollgate_core::http::Callout) -> Option<CalloutResult>;
    let cases: [(&str, &str, Fail, (u16, &str)); 4] = [
        ("waits for a mapping", "price_new", |_| None, WAITS),
        (
            "Clerk does not answer",
            "price_pro",
            |c| is_to(c, "GET", "/v1/users/").then_some(CalloutResult::TimedOut),
            (503, "upstream_unavailable"),
        ),
        (
            "Clerk does not take it",
            "price_pro",
            |c| is_to(c, "PATCH", "/v1/users/").then_some(CalloutResult::Reset),
            (503, "upstream_unavailable"),
        ),
        ("Clerk has no such user", "price_pro", |_| None, (503, "subject_missing")),
    ];
    for (why, price, fails, want) in cases {
        for order in [false, true] {
            let mut model = model();
            if want.1 == "subject_missing" {
                model.world.clerk.subjects.remove("user_1");
            }
            let mut two = [("sub_1", price, USER), ("sub_2", "price_ent", ("clerk_org_id", "org_1"))];
            if order {
                two.reverse();
            }
            for (id, price, owner) in two {
                model.world.stripe.add_subscription(id, "cus_1", price, &[owner]);
            }
            let touch = |metadata: &mut FakeMetadata| drop(metadata.insert("a".into(), "b".into()));
            let event = model.world.stripe.change_customer("cus_1", touch).unwrap();
            model.fails = fails;
            let delivered = model.deliver(event);
            assert_eq!(
                (delivered.response(), model.plan("org_1")),
                (want, Some("enterprise")),
                "{why}, {order}"
            );
            assert_eq!(
                delivered.audit().len(),
                if want == WAITS { 2 } else { 1 },
                "{why}, {order}: {:?}",
                delivered.lines
            );
        }
    }
}
