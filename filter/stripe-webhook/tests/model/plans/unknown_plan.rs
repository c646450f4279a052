//! Tests of a recorded plan that the configuration does not have: during a rollout, after a rollback, or
//! after the plan was removed.

use crate::harness::{Delivered, FakeMetadata, Model, START_S, document, document_with_plans};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_core::backfill::{Conclusion, Intent};
use tollgate_core::report::Report;

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

/// Returns the configuration without the plan `enterprise`.
fn without_enterprise() -> String {
    document_with_plans(|plan| plan != "enterprise", Value::Null)
}

/// Creates a user with Enterprise from a gateway that sells it; the model's gateway then does not sell it.
fn rolled_back() -> Model {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.clock_s = START_S - 60;
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_ent", &USER);
    model.deliver_from(0);
    assert_eq!(shows(&model), ("enterprise", "sub_1"));
    model.roll_out(&without_enterprise());
    model
}

/// Returns the plan and the subscription that granted it.
fn shows(model: &Model) -> (&str, &str) {
    let subject = &model.world.clerk.subjects["user_1"];
    (subject.plan().unwrap_or("-"), subject.granted_by().unwrap_or("-"))
}

fn actions(delivered: &Delivered) -> Vec<&str> {
    delivered.audit().iter().map(|line| line["audit"].as_str().unwrap()).collect()
}

fn alarms(conclusions: &[Conclusion], alarm: &str) -> Vec<Value> {
    let lines =
        conclusions.iter().flat_map(|conclusion| &conclusion.reports).filter_map(|report| match report {
            Report::Line(_, line) => Some(serde_json::from_str::<Value>(line).unwrap()),
            Report::Count(_) | Report::Record(..) => None,
        });
    lines.filter(|line| line["alarm"] == alarm).collect()
}

/// A change at Stripe that returns the number of its event.
type Happening = fn(&mut Model) -> usize;

#[test]
fn it_is_kept_while_its_subscription_grants() {
    let happenings: [(&str, Happening); 6] = [
        ("a change of the customer", |model| {
            let change = |metadata: &mut FakeMetadata| drop(metadata.insert("x".into(), "y".into()));
            model.world.stripe.change_customer("cus_1", change).unwrap()
        }),
        ("another customer buys a lower plan", |model| {
            model.world.stripe.add_customer("cus_2", &[]);
            model.world.stripe.add_subscription("sub_2", "cus_2", "price_pro", &USER)
        }),
        ("a newsletter", |model| model.world.stripe.add_subscription("sub_2", "cus_1", "price_new", &USER)),
        ("an attacker's payment link", |model| {
            model.world.stripe.add_customer("cus_s", &[]);
            model.world.stripe.add_subscription("sub_s", "cus_s", "price_pro", &[]);
            model.world.stripe.add_session("sub_s", &[], Some("user_1"))
        }),
        ("another lower plan ends", |model| {
            let first = model.world.stripe.add_subscription("sub_2", "cus_1", "price_pro", &USER);
            model.deliver_from(first);
            model.world.stripe.set_status("sub_2", "canceled").unwrap()
        }),
        ("a second item", |model| {
            let items = vec!["price_pro".to_owned(), "price_ent".to_owned()];
            model.world.stripe.change_subscription("sub_1", |s| s.prices = items).unwrap()
        }),
    ];
    for (why, happen) in happenings {
        let mut model = rolled_back();
        let event = happen(&mut model);
        let delivered = model.deliver(event);
        assert_eq!(delivered.response(), (200, "processed"), "{why}");
        assert_eq!(delivered.body["plan"], "enterprise", "{why}");
        assert_eq!(shows(&model), ("enterprise", "sub_1"), "{why}");
        assert_eq!(actions(&delivered), Vec::<&str>::new(), "{why}");
        let line = delivered.lines.iter().find(|line| line["alarm"] == "unknown_plan").expect(why);
        let detail = line["detail"].as_str().unwrap();
        assert_eq!(line["subject"], "user_1", "{why}");
        assert!(detail.contains("enterprise") && detail.contains("sub_1"), "{why}: {detail}");
        model.roll_out(&document(Value::Null));
        assert_eq!(model.deliver(event).response(), (200, "processed"), "{why}");
        assert_eq!(shows(&model), ("enterprise", "sub_1"), "{why}: a gateway that sells it");
    }
}

#[test]
fn the_details_of_its_subscription_follow_stripe() {
    let mut model = rolled_back();
    let first = model.world.stripe.events.len();
    model.world.stripe.fail_payment("sub_1", "subscription_cycle");
    let delivered = model.deliver(first);
    assert_eq!((shows(&model), actions(&delivered)), (("enterprise", "sub_1"), vec!["status_updated"]));
    let note = &model.world.clerk.subjects["user_1"].public["subscription"];
    assert!(note["grace_until"].is_u64(), "{note}");
    // It ends with its grace, though the document does not have the plan.
    model.world.now = model.world.now.plus(Duration::from_secs(15 * 86_400));
    let conclusions = model.sync_all(Intent::Apply).unwrap();
    assert_eq!(shows(&model), ("free", "-"));
    assert_eq!(alarms(&conclusions, "unknown_plan"), Vec::<Value>::new());
}

#[test]
fn it_ends_with_its_subscription_and_the_audit_says_so() {
    let ends: [(&str, Happening, &str, &str); 4] = [
        ("canceled", |b| b.world.stripe.set_status("sub_1", "canceled").unwrap(), "free", "deactivated"),
        ("unpaid", |b| b.world.stripe.set_status("sub_1", "unpaid").unwrap(), "free", "deactivated"),
        (
            "another one grants",
            |b| {
                let first = b.world.stripe.add_subscription("sub_2", "cus_1", "price_pro", &USER);
                b.deliver_from(first);
                b.world.stripe.set_status("sub_1", "canceled").unwrap()
            },
            "pro",
            "downgraded",
        ),
        // Of one subscription the document does not say whether it sells more or less than before, or the
        // same by another name.
        (
            "it sells another plan",
            |b| b.world.stripe.set_price("sub_1", "price_pro").unwrap(),
            "pro",
            "status_updated",
        ),
    ];
    for (why, happen, plan, action) in ends {
        let mut model = rolled_back();
        let event = happen(&mut model);
        let delivered = model.deliver(event);
        assert_eq!(delivered.response(), (200, "processed"), "{why}");
        assert_eq!(model.plan("user_1"), Some(plan), "{why}");
        assert_eq!(actions(&delivered), [action], "{why}");
        assert_eq!(delivered.audit()[0]["old_plan"], "enterprise", "{why}");
    }
}

#[test]
fn an_unknown_status_keeps_it_too() {
    for (gateway, plan) in [(without_enterprise(), "enterprise"), (document(Value::Null), "enterprise")] {
        let mut model = rolled_back();
        model.roll_out(&gateway);
        let event = model.world.stripe.set_status("sub_1", "on_hold").unwrap();
        model.world.stripe.add_subscription("sub_2", "cus_1", "price_pro", &USER);
        let delivered = model.deliver_from(event);
        assert_eq!(shows(&model), (plan, "sub_1"));
        assert!(delivered.alarms().contains(&"unknown_status"), "{:?}", delivered.alarms());
    }
}

#[test]
fn the_command_keeps_it_and_says_so() {
    // One plan granted by a subscription, and one granted manually to a user without objects at Stripe.
    let mut model = rolled_back();
    model.world.clerk.add_with("user_2", json!({"plan": "enterprise"}), json!({}));
    let writes = model.world.clerk.writes;
    for intent in [Intent::DryRun, Intent::Apply] {
        let conclusions = model.sync_all(intent).unwrap();
        assert_eq!(conclusions.len(), 2, "all subjects that may have a paid plan are synced");
        assert_eq!(model.world.clerk.writes, writes, "{intent:?}");
        assert!(conclusions.iter().all(|conclusion| conclusion.outcomes[0].change.is_none()), "{intent:?}");
        assert_eq!(alarms(&conclusions, "unknown_plan").len(), 2, "{intent:?}");
        assert_eq!(lines_of_audit(&conclusions), 0, "{intent:?}");
    }
    model.sync_subject("user_1", Intent::Apply);
    model.sync_customer("cus_1", Intent::Apply);
    assert_eq!(model.world.clerk.writes, writes);
}

fn lines_of_audit(conclusions: &[Conclusion]) -> usize {
    let lines = conclusions.iter().flat_map(|conclusion| &conclusion.reports);
    lines.filter(|report| matches!(report, Report::Line(_, line) if line.contains("\"audit\""))).count()
}

#[test]
fn an_unknown_plan_without_a_subscription_is_replaced_by_a_sold_one() {
    // The plan was written by other code, without a subscription.
    let mut model = Model::new();
    model.world.clerk.add_with("user_1", json!({"plan": "Pro_v1"}), json!({}));
    model.world.stripe.add_customer("cus_1", &[]);
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
    let delivered = model.deliver(event);
    assert_eq!((shows(&model), actions(&delivered)), (("pro", "sub_1"), vec!["created"]));
}

#[test]
fn an_attacker_cannot_change_a_manually_granted_plan() {
    let mut model = Model::new();
    model.world.clerk.add_with("user_1", json!({"plan": "platinum"}), json!({}));
    model.world.stripe.add_customer("cus_s", &[]);
    model.world.stripe.add_subscription("sub_s", "cus_s", "price_ent", &[]);
    model.world.stripe.add_session("sub_s", &[], Some("user_1"));
    let delivered = model.deliver_from(0);
    assert_eq!((shows(&model), actions(&delivered)), (("platinum", "-"), vec![]));
    assert!(delivered.alarms().contains(&"unknown_plan"));
}
