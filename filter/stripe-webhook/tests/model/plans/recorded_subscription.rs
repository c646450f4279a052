//! The subscription that Clerk's record names is read before another one replaces it, and its customer stays
//! on the list.

use crate::harness::{LISTED_CUSTOMERS_MAX, Model, Presence};
use serde_json::{Map, Value, json};
use tollgate_core::backfill::Intent;
use tollgate_core::report::Report;

const USER: (&str, &str) = ("clerk_user_id", "user_1");

/// Creates a user with Enterprise from one customer's subscription and Pro from another's.
fn model() -> Model {
    let mut model = Model::new();
    ["user_1", "user_2"].iter().for_each(|subject| model.world.clerk.add(subject));
    for (n, price) in [(1, "price_ent"), (2, "price_pro")] {
        let (customer, subscription) = (format!("cus_{n}"), format!("sub_{n}"));
        model.world.stripe.add_customer(&customer, &[USER]);
        model.world.stripe.add_subscription(&subscription, &customer, price, &[]);
    }
    model.deliver_from(0);
    assert_eq!(model.plan("user_1"), Some("enterprise"));
    model
}

fn private(model: &mut Model) -> &mut Map<String, Value> {
    model.world.clerk.subjects.get_mut("user_1").unwrap().private.as_object_mut().unwrap()
}

fn granted_by(model: &Model) -> Option<&str> {
    model.world.clerk.subjects["user_1"].granted_by()
}

fn listed(model: &Model) -> Vec<&str> {
    model.world.clerk.subjects["user_1"].customers("stripe_customers")
}

type Way = fn(&mut Model) -> Vec<String>;

/// An event of the other customer, and the command for it. The alarms.
const WAYS: [(&str, Way); 2] = [
    ("an event", |model| {
        let event = model.world.stripe.change_subscription("sub_2", |s| s.period_end_s += 1).unwrap();
        let delivered = model.deliver(event);
        assert_eq!(delivered.response(), (200, "processed"));
        delivered.alarms().into_iter().map(str::to_owned).collect()
    }),
    ("tollgate sync --customer", |model| {
        let conclusion = model.sync_customer("cus_2", Intent::Apply);
        assert_eq!(conclusion.failure, None);
        let line = |report: &Report| match report {
            Report::Line(_, line) => {
                serde_json::from_str::<Value>(line).unwrap()["alarm"].as_str().map(str::to_owned)
            }
            Report::Count(_) | Report::Record(..) => None,
        };
        conclusion.reports.iter().filter_map(line).collect()
    }),
];

#[test]
fn an_emptied_list_removes_no_plan_and_is_repaired() {
    for (why, run) in WAYS {
        for emptied in [json!({}), json!(null), json!(["cus_1"]), json!({"cus_2": true})] {
            let mut model = model();
            private(&mut model).insert("stripe_customers".into(), emptied.clone());
            assert_eq!(run(&mut model), [""; 0], "{why}, {emptied}");
            assert_eq!(model.plan("user_1"), Some("enterprise"), "{why}, {emptied}");
            assert_eq!(
                (granted_by(&model), listed(&model)),
                (Some("sub_1"), vec!["cus_1", "cus_2"]),
                "{why}, {emptied}"
            );
        }
    }
}

#[test]
fn the_other_subscriptions_of_its_customer_are_read_too() {
    for (why, run) in WAYS {
        let mut model = model();
        model.world.stripe.add_subscription("sub_3", "cus_1", "price_ent", &[]);
        model.world.stripe.set_status("sub_1", "canceled");
        private(&mut model).insert("stripe_customers".into(), json!({}));
        run(&mut model);
        assert_eq!((model.plan("user_1"), granted_by(&model)), (Some("enterprise"), Some("sub_3")), "{why}");
    }
}

#[test]
fn what_really_ended_moved_or_shrank_is_lowered_with_an_empty_list() {
    type Change = fn(&mut Model);
    let cases: [(&str, Change); 5] = [
        ("ended", |model| {
            model.world.stripe.set_status("sub_1", "canceled");
        }),
        ("moved to another owner", |model| {
            let moved = [("clerk_user_id".to_owned(), "user_2".to_owned())];
            model.world.stripe.change_subscription("sub_1", |s| s.metadata = moved.into());
        }),
        ("moved with its customer", |model| {
            model
                .world
                .stripe
                .change_customer("cus_1", |m| drop(m.insert("clerk_user_id".into(), "user_2".into())));
        }),
        ("downgraded", |model| {
            model.world.stripe.set_price("sub_1", "price_pro");
        }),
        ("its customer was deleted", |model| {
            model.world.stripe.delete_customer("cus_1", Presence::DeletedAndMissing);
        }),
    ];
    for (way, run) in WAYS {
        for (why, change) in cases {
            let mut model = model();
            change(&mut model);
            private(&mut model).insert("stripe_customers".into(), json!({}));
            assert_eq!(run(&mut model), [""; 0], "{way}: {why}");
            assert_eq!(model.plan("user_1"), Some("pro"), "{way}: {why}");
        }
    }
}

#[test]
fn a_subscription_unknown_to_the_key_changes_nothing() {
    type Change = fn(&mut Model);
    let cases: [(&str, Change); 2] = [
        ("of another account", |model| {
            drop(private(model).insert("stripe_subscription".into(), json!("sub_9")))
        }),
        ("of the other mode", |model| {
            model.world.stripe.customers.get_mut("cus_1").unwrap().presence = Presence::OtherMode;
        }),
    ];
    for (way, run) in WAYS {
        for (why, change) in cases {
            let mut model = model();
            change(&mut model);
            private(&mut model).insert("stripe_customers".into(), json!({"cus_1": true}));
            let (writes, record) = (model.world.clerk.writes, private(&mut model).clone());
            assert_eq!(run(&mut model), ["recorded_subscription_unknown"], "{way}: {why}");
            assert_eq!(model.plan("user_1"), Some("enterprise"), "{way}: {why}");
            assert_eq!(
                (model.world.clerk.writes, private(&mut model).clone()),
                (writes, record),
                "{way}: {why}"
            );
        }
    }
}

#[test]
fn a_subscription_unknown_to_the_key_prevents_no_higher_plan() {
    let mut model = model();
    let other = json!({"stripe_subscription": "sub_9", "stripe_customers": {"cus_9": true}});
    model.world.clerk.add_with("user_1", json!({"plan": "pro"}), other);
    let event = model.world.stripe.set_price("sub_2", "price_ent").unwrap();
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("enterprise")));
    assert_eq!(delivered.alarms(), ["recorded_subscription_unknown"]);
}

/// Adds customers of the user, each with a live subscription, whose ids sort first; metadata or a reference
/// names the user.
fn others(model: &mut Model, count: usize, trusted: bool) {
    for n in 0..count {
        let (customer, subscription) = (format!("cus_0{n:03}"), format!("sub_0{n:03}"));
        model.world.stripe.add_customer(&customer, if trusted { &[USER] } else { &[] });
        model.world.stripe.add_subscription(&subscription, &customer, "price_pro", &[]);
        if !trusted {
            model.world.stripe.add_session(&subscription, &[], Some("user_1"));
        }
    }
}

#[test]
fn the_granting_customer_stays_on_the_list_also_as_the_21st() {
    for (trusted, others_trusted) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut model = Model::new();
        model.world.clerk.add("user_1");
        others(&mut model, LISTED_CUSTOMERS_MAX, others_trusted);
        model.deliver_from(0);
        let first = model.world.stripe.events.len();
        model.world.stripe.add_customer("cus_z", if trusted { &[USER] } else { &[] });
        model.world.stripe.add_subscription("sub_z", "cus_z", "price_ent", &[]);
        if !trusted {
            model.world.stripe.add_session("sub_z", &[], Some("user_1"));
        }
        model.deliver_from(first);
        let why = format!("trusted: {trusted}, the others: {others_trusted}");
        assert_eq!(model.plan("user_1"), Some("enterprise"), "{why}");
        assert!(listed(&model).contains(&"cus_z") && listed(&model).len() <= LISTED_CUSTOMERS_MAX, "{why}");
        // The plan is kept for any customer's next event, and for any change of the list by other code.
        for n in 0..=LISTED_CUSTOMERS_MAX {
            let id = format!("sub_0{:03}", n % LISTED_CUSTOMERS_MAX);
            if n == LISTED_CUSTOMERS_MAX {
                private(&mut model).insert("stripe_customers".into(), json!({}));
            }
            let event = model.world.stripe.change_subscription(&id, |s| s.period_end_s += 1).unwrap();
            assert_eq!(model.deliver(event).response(), (200, "processed"), "{why}");
            assert_eq!(
                (model.plan("user_1"), granted_by(&model)),
                (Some("enterprise"), Some("sub_z")),
                "{why}"
            );
            assert!(listed(&model).contains(&"cus_z"), "{why}");
        }
        let event = model.world.stripe.set_status("sub_z", "canceled").unwrap();
        assert_eq!(model.deliver(event).response(), (200, "processed"), "{why}");
        assert_eq!(model.plan("user_1"), Some("pro"), "{why}");
    }
}

#[test]
fn many_others_named_only_by_sessions_remove_no_plan() {
    let mut model = Model::new();
    ["user_1", "user_2"].iter().for_each(|subject| model.world.clerk.add(subject));
    model.world.stripe.add_customer("cus_1", &[]);
    for (n, owner) in std::iter::repeat_n("user_2", 30).chain(["user_1"]).enumerate() {
        let id = format!("sub_{n:02}");
        model.world.stripe.add_subscription(&id, "cus_1", "price_pro", &[]);
        model.world.stripe.add_session(&id, &[("clerk_user_id", owner)], None);
    }
    let private = json!({"stripe_customers": {"cus_1": true}, "stripe_subscription": "sub_30"});
    model.world.clerk.add_with("user_1", json!({"plan": "pro"}), private);
    // It names the user, and is about one of the others.
    let user = [("clerk_user_id".to_owned(), "user_1".to_owned())];
    model.world.stripe.customers.get_mut("cus_1").unwrap().metadata = [].into();
    let event = model.world.stripe.change_subscription("sub_29", |s| s.metadata = user.into()).unwrap();
    let event = model.world.stripe.change_subscription("sub_29", |s| s.status = "canceled").unwrap_or(event);
    assert_eq!(model.deliver(event).response(), (200, "processed"));
    assert_eq!((model.plan("user_1"), granted_by(&model)), (Some("pro"), Some("sub_30")));
}
