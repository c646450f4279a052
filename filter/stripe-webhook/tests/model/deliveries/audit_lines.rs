//! One audit line for each change, and one for each failed payment.

use crate::harness::{Model, START_S, parts};
use serde_json::{Value, json};
use tollgate_driver::CalloutResult;

fn model() -> Model {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    model
}

#[test]
fn each_change_is_one_line() {
    let mut model = model();
    model.world.stripe.clock_s = START_S - 60;
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[("clerk_user_id", "user_1")]);
    type Change = fn(&mut Model);
    let steps: [(&str, Change, Value, Value); 7] = [
        ("created", |_| (), Value::Null, json!("pro")),
        (
            "upgraded",
            |model| {
                model.world.stripe.set_price("sub_1", "price_ent");
            },
            json!("pro"),
            json!("enterprise"),
        ),
        (
            "downgraded",
            |model| {
                model.world.stripe.set_price("sub_1", "price_pro");
            },
            json!("enterprise"),
            json!("pro"),
        ),
        (
            "status_updated",
            |model| {
                model.world.stripe.change_subscription("sub_1", |s| s.cancel_at_period_end = true);
            },
            json!("pro"),
            json!("pro"),
        ),
        (
            "status_updated",
            |model| {
                model.world.stripe.fail_payment("sub_1", "subscription_cycle");
            },
            json!("pro"),
            json!("pro"),
        ),
        (
            "deactivated",
            |model| {
                model.world.stripe.set_status("sub_1", "canceled");
            },
            json!("pro"),
            json!("free"),
        ),
        (
            "created",
            |model| {
                model.world.stripe.add_subscription(
                    "sub_2",
                    "cus_1",
                    "price_pro",
                    &[("clerk_user_id", "user_1")],
                );
            },
            json!("free"),
            json!("pro"),
        ),
    ];
    for (action, change, old, new) in steps {
        let known = model.world.stripe.events.len();
        change(&mut model);
        let event = if action == "created" && old.is_null() { 0 } else { known };
        let delivered = model.deliver(event);
        let audit = delivered.audit();
        assert_eq!(audit.len(), 1, "{action}: {:?}", delivered.lines);
        let line = audit[0];
        assert_eq!(line["audit"], action);
        assert_eq!((&line["old_plan"], &line["new_plan"]), (&old, &new), "{action}");
        assert_eq!((&line["customer"], &line["subject"]), (&json!("cus_1"), &json!("user_1")), "{action}");
        assert_eq!(line["event"], format!("evt_{event}"), "{action}");
        assert!(line["reason"].as_str().unwrap().starts_with("customer.subscription."), "{action}");
    }
}

#[test]
fn a_failed_payment_is_one_line_too() {
    for (attempts, next, is_final) in [(1, "1800000100", false), (3, "1800000100", true), (1, "null", true)] {
        let mut model = model();
        model.world.stripe.clock_s = START_S - 60;
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[("clerk_user_id", "user_1")]);
        model.deliver_from(0);
        let event = model.world.stripe.fail_payment("sub_1", "subscription_cycle");
        model.deliver(event - 1);
        let body = &mut model.world.stripe.events[event].body;
        let start = body.find(r#""next_payment_attempt":"#).unwrap() + r#""next_payment_attempt":"#.len();
        let end = start + body.split_at(start).1.find(',').unwrap();
        body.replace_range(start..end, next);
        *body = body.replace(r#""attempt_count":1"#, &format!(r#""attempt_count":{attempts}"#));
        let delivered = model.deliver(event);
        let audit = delivered.audit();
        assert_eq!(audit.len(), 1, "{:?}", delivered.lines);
        assert_eq!(audit[0]["audit"], "payment_failed");
        assert_eq!((&audit[0]["attempt_count"], &audit[0]["final"]), (&json!(attempts), &json!(is_final)));
        assert_eq!(audit[0]["subject"], "user_1");
    }
}

#[test]
fn a_change_is_audited_even_if_another_request_failed() {
    let mut model = model();
    model.world.clerk.add("user_2");
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[("clerk_user_id", "user_1")]);
    let other = [("clerk_user_id", "user_2")];
    model.world.stripe.add_subscription("sub_2", "cus_1", "price_by_product", &other);
    let event =
        model.world.stripe.change_customer("cus_1", |found| drop(found.insert("a".into(), "b".into())));
    // The product of the other subject's subscription is read in parallel with the write at Clerk.
    model.fails = |callout| match parts(callout) {
        ("GET", path, ..) if path.starts_with("/v1/products/") => Some(CalloutResult::Reset),
        _ => None,
    };
    let failed = model.deliver(event.unwrap());
    assert_eq!(failed.status, 503);
    assert_eq!(model.world.clerk.subjects["user_1"].plan(), Some("pro"));
    let audits: Vec<_> = failed.lines.iter().filter_map(|line| line["audit"].as_str()).collect();
    assert_eq!(audits, ["created"]);
}
