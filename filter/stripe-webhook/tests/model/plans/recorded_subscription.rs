//! The subscription that Clerk's record says grants the plan is asked for before anything takes its place
//! (DESIGN §3.13), and its customer stays on the list (§3.5).

use crate::harness::{Bench, LISTED_CUSTOMERS_MAX, Presence};
use serde_json::{Map, Value, json};
use tollgate_core::backfill::Intent;
use tollgate_core::report::Report;

const USER: (&str, &str) = ("clerk_user_id", "user_1");

/// Enterprise by a subscription of one customer, Pro by that of another.
fn bench() -> Bench {
    let mut bench = Bench::new();
    ["user_1", "user_2"].iter().for_each(|subject| bench.world.clerk.add(subject));
    for (n, price) in [(1, "price_ent"), (2, "price_pro")] {
        let (customer, subscription) = (format!("cus_{n}"), format!("sub_{n}"));
        bench.world.stripe.add_customer(&customer, &[USER]);
        bench.world.stripe.add_subscription(&subscription, &customer, price, &[]);
    }
    bench.deliver_from(0);
    assert_eq!(bench.plan("user_1"), Some("enterprise"));
    bench
}

fn private(bench: &mut Bench) -> &mut Map<String, Value> {
    bench.world.clerk.subjects.get_mut("user_1").unwrap().private.as_object_mut().unwrap()
}

fn granted_by(bench: &Bench) -> Option<&str> {
    bench.world.clerk.subjects["user_1"].granted_by()
}

fn listed(bench: &Bench) -> Vec<&str> {
    bench.world.clerk.subjects["user_1"].customers("stripe_customers")
}

type Way = fn(&mut Bench) -> Vec<String>;

/// An event of the other customer, and the command for it. The alarms.
const WAYS: [(&str, Way); 2] = [
    ("an event", |bench| {
        let event = bench.world.stripe.change_subscription("sub_2", |s| s.period_end_s += 1).unwrap();
        let delivered = bench.deliver(event);
        assert_eq!(delivered.answer(), (200, "processed"));
        delivered.alarms().into_iter().map(str::to_owned).collect()
    }),
    ("tollgate sync --customer", |bench| {
        let conclusion = bench.sync_customer("cus_2", Intent::Apply);
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
fn a_list_that_other_code_emptied_takes_nothing_away_and_is_mended() {
    for (why, run) in WAYS {
        for emptied in [json!({}), json!(null), json!(["cus_1"]), json!({"cus_2": true})] {
            let mut bench = bench();
            private(&mut bench).insert("stripe_customers".into(), emptied.clone());
            assert_eq!(run(&mut bench), [""; 0], "{why}, {emptied}");
            assert_eq!(bench.plan("user_1"), Some("enterprise"), "{why}, {emptied}");
            assert_eq!(
                (granted_by(&bench), listed(&bench)),
                (Some("sub_1"), vec!["cus_1", "cus_2"]),
                "{why}, {emptied}"
            );
        }
    }
}

#[test]
fn the_other_subscriptions_of_its_customer_are_read_too() {
    for (why, run) in WAYS {
        let mut bench = bench();
        bench.world.stripe.add_subscription("sub_3", "cus_1", "price_ent", &[]);
        bench.world.stripe.set_status("sub_1", "canceled");
        private(&mut bench).insert("stripe_customers".into(), json!({}));
        run(&mut bench);
        assert_eq!((bench.plan("user_1"), granted_by(&bench)), (Some("enterprise"), Some("sub_3")), "{why}");
    }
}

#[test]
fn what_really_ended_moved_or_shrank_is_lowered_with_an_empty_list() {
    type Change = fn(&mut Bench);
    let cases: [(&str, Change); 5] = [
        ("ended", |bench| {
            bench.world.stripe.set_status("sub_1", "canceled");
        }),
        ("moved to another owner", |bench| {
            let moved = [("clerk_user_id".to_owned(), "user_2".to_owned())];
            bench.world.stripe.change_subscription("sub_1", |s| s.metadata = moved.into());
        }),
        ("moved with its customer", |bench| {
            bench
                .world
                .stripe
                .change_customer("cus_1", |m| drop(m.insert("clerk_user_id".into(), "user_2".into())));
        }),
        ("downgraded", |bench| {
            bench.world.stripe.set_price("sub_1", "price_pro");
        }),
        ("its customer was deleted", |bench| {
            bench.world.stripe.delete_customer("cus_1", Presence::DeletedAndMissing);
        }),
    ];
    for (way, run) in WAYS {
        for (why, change) in cases {
            let mut bench = bench();
            change(&mut bench);
            private(&mut bench).insert("stripe_customers".into(), json!({}));
            assert_eq!(run(&mut bench), [""; 0], "{way}: {why}");
            assert_eq!(bench.plan("user_1"), Some("pro"), "{way}: {why}");
        }
    }
}

#[test]
fn what_this_key_does_not_know_is_concluded_nothing_from() {
    type Change = fn(&mut Bench);
    let cases: [(&str, Change); 2] = [
        ("of another account", |bench| {
            drop(private(bench).insert("stripe_subscription".into(), json!("sub_9")))
        }),
        ("of the other mode", |bench| {
            bench.world.stripe.customers.get_mut("cus_1").unwrap().presence = Presence::OtherMode;
        }),
    ];
    for (way, run) in WAYS {
        for (why, change) in cases {
            let mut bench = bench();
            change(&mut bench);
            private(&mut bench).insert("stripe_customers".into(), json!({"cus_1": true}));
            let (writes, record) = (bench.world.clerk.writes, private(&mut bench).clone());
            assert_eq!(run(&mut bench), ["recorded_subscription_unknown"], "{way}: {why}");
            assert_eq!(bench.plan("user_1"), Some("enterprise"), "{way}: {why}");
            assert_eq!(
                (bench.world.clerk.writes, private(&mut bench).clone()),
                (writes, record),
                "{way}: {why}"
            );
        }
    }
}

#[test]
fn what_this_key_does_not_know_keeps_nobody_from_a_higher_plan() {
    let mut bench = bench();
    let other = json!({"stripe_subscription": "sub_9", "stripe_customers": {"cus_9": true}});
    bench.world.clerk.add_with("user_1", json!({"plan": "pro"}), other);
    let event = bench.world.stripe.set_price("sub_2", "price_ent").unwrap();
    let delivered = bench.deliver(event);
    assert_eq!((delivered.answer(), bench.plan("user_1")), ((200, "processed"), Some("enterprise")));
    assert_eq!(delivered.alarms(), ["recorded_subscription_unknown"]);
}

/// So many customers of the user with a live subscription each, whose ids come first, named in metadata or by reference.
fn others(bench: &mut Bench, count: usize, trusted: bool) {
    for n in 0..count {
        let (customer, subscription) = (format!("cus_0{n:03}"), format!("sub_0{n:03}"));
        bench.world.stripe.add_customer(&customer, if trusted { &[USER] } else { &[] });
        bench.world.stripe.add_subscription(&subscription, &customer, "price_pro", &[]);
        if !trusted {
            bench.world.stripe.add_session(&subscription, &[], Some("user_1"));
        }
    }
}

#[test]
fn the_granting_customer_stays_on_the_list_also_as_the_21st() {
    for (trusted, others_trusted) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut bench = Bench::new();
        bench.world.clerk.add("user_1");
        others(&mut bench, LISTED_CUSTOMERS_MAX, others_trusted);
        bench.deliver_from(0);
        let first = bench.world.stripe.events.len();
        bench.world.stripe.add_customer("cus_z", if trusted { &[USER] } else { &[] });
        bench.world.stripe.add_subscription("sub_z", "cus_z", "price_ent", &[]);
        if !trusted {
            bench.world.stripe.add_session("sub_z", &[], Some("user_1"));
        }
        bench.deliver_from(first);
        let why = format!("trusted: {trusted}, the others: {others_trusted}");
        assert_eq!(bench.plan("user_1"), Some("enterprise"), "{why}");
        assert!(listed(&bench).contains(&"cus_z") && listed(&bench).len() <= LISTED_CUSTOMERS_MAX, "{why}");
        // Whichever customer comes next, and whatever other code did to the list, the plan is not lost.
        for n in 0..=LISTED_CUSTOMERS_MAX {
            let id = format!("sub_0{:03}", n % LISTED_CUSTOMERS_MAX);
            if n == LISTED_CUSTOMERS_MAX {
                private(&mut bench).insert("stripe_customers".into(), json!({}));
            }
            let event = bench.world.stripe.change_subscription(&id, |s| s.period_end_s += 1).unwrap();
            assert_eq!(bench.deliver(event).answer(), (200, "processed"), "{why}");
            assert_eq!(
                (bench.plan("user_1"), granted_by(&bench)),
                (Some("enterprise"), Some("sub_z")),
                "{why}"
            );
            assert!(listed(&bench).contains(&"cus_z"), "{why}");
        }
        let event = bench.world.stripe.set_status("sub_z", "canceled").unwrap();
        assert_eq!(bench.deliver(event).answer(), (200, "processed"), "{why}");
        assert_eq!(bench.plan("user_1"), Some("pro"), "{why}");
    }
}

#[test]
fn many_others_that_only_their_sessions_name_take_nothing_away() {
    let mut bench = Bench::new();
    ["user_1", "user_2"].iter().for_each(|subject| bench.world.clerk.add(subject));
    bench.world.stripe.add_customer("cus_1", &[]);
    for (n, owner) in std::iter::repeat_n("user_2", 30).chain(["user_1"]).enumerate() {
        let id = format!("sub_{n:02}");
        bench.world.stripe.add_subscription(&id, "cus_1", "price_pro", &[]);
        bench.world.stripe.add_session(&id, &[("clerk_user_id", owner)], None);
    }
    let private = json!({"stripe_customers": {"cus_1": true}, "stripe_subscription": "sub_30"});
    bench.world.clerk.add_with("user_1", json!({"plan": "pro"}), private);
    // It names the user, and is about one of the others.
    let user = [("clerk_user_id".to_owned(), "user_1".to_owned())];
    bench.world.stripe.customers.get_mut("cus_1").unwrap().metadata = [].into();
    let event = bench.world.stripe.change_subscription("sub_29", |s| s.metadata = user.into()).unwrap();
    let event = bench.world.stripe.change_subscription("sub_29", |s| s.status = "canceled").unwrap_or(event);
    assert_eq!(bench.deliver(event).answer(), (200, "processed"));
    assert_eq!((bench.plan("user_1"), granted_by(&bench)), (Some("pro"), Some("sub_30")));
}
