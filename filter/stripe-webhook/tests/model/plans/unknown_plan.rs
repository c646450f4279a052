//! A plan on record that the document does not have: during a roll-out, after a rollback, or since it is sold no more.

use crate::harness::{Bench, Delivered, FakeMetadata, START_S, document, document_with_plans};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_core::backfill::{Conclusion, Intent};
use tollgate_core::report::Report;

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

/// The document before Enterprise was sold.
fn earlier() -> String {
    document_with_plans(|plan| plan != "enterprise", Value::Null)
}

/// Somebody whom a gateway that sells Enterprise has given it; the gateway is then one that does not.
fn rolled_back() -> Bench {
    let mut bench = Bench::new();
    bench.world.clerk.add("user_1");
    bench.world.stripe.clock_s = START_S - 60;
    bench.world.stripe.add_customer("cus_1", &[]);
    bench.world.stripe.add_subscription("sub_1", "cus_1", "price_ent", &USER);
    bench.deliver_from(0);
    assert_eq!(shows(&bench), ("enterprise", "sub_1"));
    bench.roll_out(&earlier());
    bench
}

/// The plan, and what granted it.
fn shows(bench: &Bench) -> (&str, &str) {
    let subject = &bench.world.clerk.subjects["user_1"];
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

/// What happens at Stripe; the event of it.
type Happening = fn(&mut Bench) -> usize;

#[test]
fn it_is_kept_while_its_subscription_grants() {
    let happenings: [(&str, Happening); 6] = [
        ("a change of the customer", |bench| {
            let change = |metadata: &mut FakeMetadata| drop(metadata.insert("x".into(), "y".into()));
            bench.world.stripe.change_customer("cus_1", change).unwrap()
        }),
        ("another customer buys a lower plan", |bench| {
            bench.world.stripe.add_customer("cus_2", &[]);
            bench.world.stripe.add_subscription("sub_2", "cus_2", "price_pro", &USER)
        }),
        ("a newsletter", |bench| bench.world.stripe.add_subscription("sub_2", "cus_1", "price_new", &USER)),
        ("a stranger's payment link", |bench| {
            bench.world.stripe.add_customer("cus_s", &[]);
            bench.world.stripe.add_subscription("sub_s", "cus_s", "price_pro", &[]);
            bench.world.stripe.add_session("sub_s", &[], Some("user_1"))
        }),
        ("another lower plan ends", |bench| {
            let first = bench.world.stripe.add_subscription("sub_2", "cus_1", "price_pro", &USER);
            bench.deliver_from(first);
            bench.world.stripe.set_status("sub_2", "canceled").unwrap()
        }),
        ("a second item", |bench| {
            let items = vec!["price_pro".to_owned(), "price_ent".to_owned()];
            bench.world.stripe.change_subscription("sub_1", |s| s.prices = items).unwrap()
        }),
    ];
    for (why, happen) in happenings {
        let mut bench = rolled_back();
        let event = happen(&mut bench);
        let delivered = bench.deliver(event);
        assert_eq!(delivered.answer(), (200, "processed"), "{why}");
        assert_eq!(delivered.body["plan"], "enterprise", "{why}");
        assert_eq!(shows(&bench), ("enterprise", "sub_1"), "{why}");
        assert_eq!(actions(&delivered), Vec::<&str>::new(), "{why}");
        let line = delivered.lines.iter().find(|line| line["alarm"] == "unknown_plan").expect(why);
        let detail = line["detail"].as_str().unwrap();
        assert_eq!(line["subject"], "user_1", "{why}");
        assert!(detail.contains("enterprise") && detail.contains("sub_1"), "{why}: {detail}");
        bench.roll_out(&document(Value::Null));
        assert_eq!(bench.deliver(event).answer(), (200, "processed"), "{why}");
        assert_eq!(shows(&bench), ("enterprise", "sub_1"), "{why}: a gateway that sells it");
    }
}

#[test]
fn what_is_shown_of_its_subscription_follows_stripe() {
    let mut bench = rolled_back();
    let first = bench.world.stripe.events.len();
    bench.world.stripe.fail_payment("sub_1", "subscription_cycle");
    let delivered = bench.deliver(first);
    assert_eq!((shows(&bench), actions(&delivered)), (("enterprise", "sub_1"), vec!["status_updated"]));
    let note = &bench.world.clerk.subjects["user_1"].public["subscription"];
    assert!(note["grace_until"].is_u64(), "{note}");
    // It ends with its grace, though nobody here knows the plan.
    bench.world.now = bench.world.now.plus(Duration::from_secs(15 * 86_400));
    let conclusions = bench.sync_all(Intent::Apply).unwrap();
    assert_eq!(shows(&bench), ("free", "-"));
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
        // Of one subscription nobody here knows whether it sells more or less than before, or the same by another name.
        (
            "it sells another plan",
            |b| b.world.stripe.set_price("sub_1", "price_pro").unwrap(),
            "pro",
            "status_updated",
        ),
    ];
    for (why, happen, plan, action) in ends {
        let mut bench = rolled_back();
        let event = happen(&mut bench);
        let delivered = bench.deliver(event);
        assert_eq!(delivered.answer(), (200, "processed"), "{why}");
        assert_eq!(bench.plan("user_1"), Some(plan), "{why}");
        assert_eq!(actions(&delivered), [action], "{why}");
        assert_eq!(delivered.audit()[0]["old_plan"], "enterprise", "{why}");
    }
}

#[test]
fn an_unknown_status_keeps_it_too() {
    for (gateway, plan) in [(earlier(), "enterprise"), (document(Value::Null), "enterprise")] {
        let mut bench = rolled_back();
        bench.roll_out(&gateway);
        let event = bench.world.stripe.set_status("sub_1", "on_hold").unwrap();
        bench.world.stripe.add_subscription("sub_2", "cus_1", "price_pro", &USER);
        let delivered = bench.deliver_from(event);
        assert_eq!(shows(&bench), (plan, "sub_1"));
        assert!(delivered.alarms().contains(&"unknown_status"), "{:?}", delivered.alarms());
    }
}

#[test]
fn the_command_keeps_it_and_says_so() {
    // As granted by a subscription, and as given by hand to somebody of whom Stripe knows nothing.
    let mut bench = rolled_back();
    bench.world.clerk.add_with("user_2", json!({"plan": "enterprise"}), json!({}));
    let writes = bench.world.clerk.writes;
    for intent in [Intent::Rehearse, Intent::Apply] {
        let conclusions = bench.sync_all(intent).unwrap();
        assert_eq!(conclusions.len(), 2, "whoever may have a paid plan is looked at");
        assert_eq!(bench.world.clerk.writes, writes, "{intent:?}");
        assert!(conclusions.iter().all(|conclusion| conclusion.outcomes[0].change.is_none()), "{intent:?}");
        assert_eq!(alarms(&conclusions, "unknown_plan").len(), 2, "{intent:?}");
        assert_eq!(lines_of_audit(&conclusions), 0, "{intent:?}");
    }
    bench.sync_subject("user_1", Intent::Apply);
    bench.sync_customer("cus_1", Intent::Apply);
    assert_eq!(bench.world.clerk.writes, writes);
}

fn lines_of_audit(conclusions: &[Conclusion]) -> usize {
    let lines = conclusions.iter().flat_map(|conclusion| &conclusion.reports);
    lines.filter(|report| matches!(report, Report::Line(_, line) if line.contains("\"audit\""))).count()
}

#[test]
fn a_plan_of_another_naming_scheme_gives_way_to_what_is_sold() {
    // Written by code of before: no subscription stands beside it.
    let mut bench = Bench::new();
    bench.world.clerk.add_with("user_1", json!({"plan": "Pro_v1"}), json!({}));
    bench.world.stripe.add_customer("cus_1", &[]);
    let event = bench.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
    let delivered = bench.deliver(event);
    assert_eq!((shows(&bench), actions(&delivered)), (("pro", "sub_1"), vec!["created"]));
}

#[test]
fn a_stranger_changes_nothing_about_a_plan_that_somebody_gave_by_hand() {
    let mut bench = Bench::new();
    bench.world.clerk.add_with("user_1", json!({"plan": "platinum"}), json!({}));
    bench.world.stripe.add_customer("cus_s", &[]);
    bench.world.stripe.add_subscription("sub_s", "cus_s", "price_ent", &[]);
    bench.world.stripe.add_session("sub_s", &[], Some("user_1"));
    let delivered = bench.deliver_from(0);
    assert_eq!((shows(&bench), actions(&delivered)), (("platinum", "-"), vec![]));
    assert!(delivered.alarms().contains(&"unknown_plan"));
}
