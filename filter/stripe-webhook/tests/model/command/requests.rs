//! Tests of the reads, the writes, and the report of a run of the command.

use crate::harness::{FakeResponse, Model, Presence, START_S, is_to, parts};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_core::backfill::{
    Conclusion, Intent, NotedOwner, RecordChange, Scope, SubjectOutcome, SubjectStatus, Target,
};
use tollgate_core::ids::Subject;
use tollgate_core::report::Report;
use tollgate_driver::CalloutResult;

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

/// Returns a model with a subscriber who is in Stripe, but without a plan in Clerk, as before the first sync.
fn unsynced(metadata: &[(&str, &str)]) -> Model {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", metadata);
    model
}

/// Returns the first subject's patch at Clerk, sent or planned.
fn patch(conclusion: &Conclusion) -> Option<Value> {
    let change = conclusion.outcomes.first()?.change.as_ref()?;
    change.from.patch(&change.to, "plan")
}

fn lines(conclusion: &Conclusion, member: &str) -> Vec<String> {
    let line = |report: &Report| match report {
        Report::Line(_, line) => {
            serde_json::from_str::<Value>(line).unwrap()[member].as_str().map(str::to_owned)
        }
        Report::Count(_) | Report::Record(..) => None,
    };
    conclusion.reports.iter().filter_map(line).collect()
}

type Run = fn(&mut Model, Intent) -> Conclusion;

/// The options of the command that sync the one subscriber of a model.
const OPTIONS: [(&str, Run); 3] = [
    ("--customer", |model, intent| model.sync_customer("cus_1", intent)),
    ("--subject", |model, intent| model.sync_subject("user_1", intent)),
    ("--all", |model, intent| model.sync_all(intent).unwrap().remove(0)),
];

#[test]
fn a_dry_run_writes_nothing_and_shows_what_would_be_written() {
    for (option, run) in OPTIONS {
        let mut model = unsynced(&USER);
        let dry_run = run(&mut model, Intent::DryRun);
        assert_eq!((model.written(), model.world.clerk.writes), (vec![], 0), "{option}");
        let want = patch(&dry_run).unwrap();
        assert_eq!(want["public_metadata"]["plan"], "pro", "{option}");
        assert_eq!(dry_run.outcomes[0].status, None, "{option}");
        assert!(lines(&dry_run, "audit").is_empty(), "{option}");
        let applied = run(&mut model, Intent::Apply);
        assert_eq!(model.written(), [format!("PATCH /v1/users/user_1/metadata {want}")], "{option}");
        assert_eq!(patch(&applied), Some(want), "{option}");
        assert_eq!(
            (applied.failure.clone(), applied.outcomes[0].status),
            (None, Some(SubjectStatus::InSync)),
            "{option}"
        );
        assert_eq!(lines(&applied, "audit"), ["created"], "{option}");
        assert_eq!(lines(&applied, "reason"), ["sync"], "{option}");
        let again = run(&mut model, Intent::DryRun);
        assert_eq!(
            (patch(&again), again.outcomes[0].status),
            (None, Some(SubjectStatus::InSync)),
            "{option}"
        );
        assert_eq!(again.outcomes[0].customer.as_ref().map(|id| id.as_str()), Some("cus_1"), "{option}");
    }
}

#[test]
fn what_a_session_names_is_recorded_at_stripe() {
    for (option, run) in [OPTIONS[0], OPTIONS[2]] {
        let mut model = unsynced(&[]);
        model.world.stripe.add_session("sub_1", &USER, None);
        let name =
            |object: &str| NotedOwner { object: object.into(), subject: Subject::parse("user_1").unwrap() };
        let names = [name("sub_1")];
        let dry_run = run(&mut model, Intent::DryRun);
        assert_eq!((dry_run.noted_owners.as_slice(), model.written()), (&names[..], vec![]), "{option}");
        let applied = run(&mut model, Intent::Apply);
        assert_eq!((applied.noted_owners.as_slice(), model.written().len()), (&names[..], 2), "{option}");
        assert_eq!(run(&mut model, Intent::DryRun).noted_owners, [], "{option}");
    }
}

#[test]
fn a_grace_period_ends_without_an_event() {
    const DAY_S: u64 = 86_400;
    let mut model = Model::configured(json!({"past_due": {"grace_days": 14}}));
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
    model.world.stripe.clock_s = START_S - 60;
    model.world.stripe.fail_payment("sub_1", "subscription_cycle");
    model.deliver_from(0);
    let writes = model.world.clerk.writes;
    for (days, plan, writes) in [(13, "pro", writes), (2, "free", writes + 1), (1, "free", writes + 1)] {
        model.world.now = model.world.now.plus(Duration::from_secs(days * DAY_S));
        let conclusions = model.sync_all(Intent::Apply).unwrap();
        assert!(conclusions.iter().all(|conclusion| conclusion.failure.is_none()));
        assert_eq!(
            (model.plan("user_1"), model.world.clerk.writes),
            (Some(plan), writes),
            "{days} days later"
        );
    }
}

#[test]
fn a_mapping_mistake_is_repaired_though_no_event_speaks_of_it() {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_by_product", &USER);
    model.deliver_from(0);
    assert_eq!(model.plan("user_1"), Some("pro"));
    let product = model.world.stripe.prices["price_by_product"].product.clone();
    model.world.stripe.products.get_mut(&product).unwrap().insert("plan".into(), "enterprise".into());
    model.world.now = model.world.now.plus(Duration::from_secs(61));
    let conclusions = model.sync_all(Intent::Apply).unwrap();
    assert_eq!(lines(&conclusions[0], "audit"), ["upgraded"]);
    assert_eq!(model.plan("user_1"), Some("enterprise"));
}

#[test]
fn a_plan_that_came_from_elsewhere_is_kept_unless_it_is_to_end() {
    let by_hand = json!({"plan": "enterprise"});
    let cases = [
        ("nothing at Stripe, nothing recorded", json!({}), false, "enterprise"),
        ("the operator says that it ends", json!({}), true, "free"),
        ("it was recorded what granted it", json!({"stripe_subscription": "sub_1"}), false, "free"),
    ];
    for (why, private, trusted, want) in cases {
        let mut model = Model::new();
        model.world.clerk.add_with("user_1", by_hand.clone(), private);
        model.world.clerk.add("user_9");
        model.world.stripe.add_customer("cus_1", &[]);
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_ent", &[("clerk_user_id", "user_9")]);
        let census = model.census(Scope::All).unwrap();
        let found: Vec<&str> = census.candidates.iter().map(|found| found.subject.as_str()).collect();
        assert_eq!(found, ["user_1", "user_9"], "{why}");
        let subject = Subject::parse("user_1").unwrap();
        let target = Target::Subject { subject, customers: Default::default(), trusted };
        assert_eq!(model.reconcile(target, Intent::Apply).failure, None, "{why}");
        assert_eq!(model.plan("user_1"), Some(want), "{why}");
    }
}

#[test]
fn who_ended_long_ago_at_stripe_loses_a_plan_that_was_never_recorded() {
    let mut model = unsynced(&USER);
    model.world.clerk.add_with("user_1", json!({"plan": "pro"}), json!({}));
    model.world.stripe.set_status("sub_1", "canceled");
    model.sync_all(Intent::Apply).unwrap();
    assert_eq!(model.plan("user_1"), Some("free"));
}

#[test]
fn a_key_of_another_account_takes_nothing_away() {
    let recorded = json!({"stripe_customers": {"cus_8": true}, "stripe_subscription": "sub_8"});
    let mut model = unsynced(&USER);
    model.world.clerk.add_with("user_8", json!({"plan": "pro"}), recorded);
    let failure = model.sync_all(Intent::Apply).unwrap_err();
    assert_eq!(failure.code.as_str(), "bad_credentials");
    assert!(failure.detail.contains("sub_8"), "{}", failure.detail);
    let conclusion = model.sync_subject("user_8", Intent::Apply);
    assert_eq!(conclusion.failure.map(|failure| failure.code.as_str()), Some("bad_credentials"));
    assert_eq!(model.sync_customer("cus_8", Intent::Apply).failure.unwrap().code.as_str(), "bad_credentials");
    assert_eq!((model.plan("user_8"), model.world.clerk.writes), (Some("pro"), 0));
}

#[test]
fn a_recorded_subscription_unknown_to_stripe_stops_only_its_subject() {
    let mut model = unsynced(&USER);
    model.deliver_from(0);
    model.world.clerk.add_with("user_8", json!({"plan": "pro"}), json!({"stripe_subscription": "sub_8"}));
    model.world.stripe.set_price("sub_1", "price_ent");
    let conclusions = model.sync_all(Intent::Apply).unwrap();
    let failed: Vec<_> = conclusions.iter().map(|conclusion| conclusion.failure.is_some()).collect();
    assert_eq!(failed, [false, true]);
    assert_eq!((model.plan("user_1"), model.plan("user_8")), (Some("enterprise"), Some("pro")));
}

#[test]
fn a_failure_ends_a_reconciliation_and_a_dry_run_alike() {
    for intent in [Intent::DryRun, Intent::Apply] {
        for (option, run) in [OPTIONS[0], OPTIONS[1]] {
            let mut model = unsynced(&USER);
            model.fails = |callout| is_to(callout, "GET", "/v1/users").then_some(CalloutResult::Reset);
            let conclusion = run(&mut model, intent);
            let failure = conclusion.failure.unwrap();
            assert_eq!(
                (failure.code.as_str(), failure.is_transient),
                ("upstream_unavailable", true),
                "{option}"
            );
            assert_eq!((change_of(&conclusion.outcomes), model.written()), (None, vec![]), "{option}");
        }
    }
}

fn change_of(outcomes: &[SubjectOutcome]) -> Option<&RecordChange> {
    outcomes.iter().find_map(|outcome| outcome.change.as_ref())
}

#[test]
fn a_failure_of_one_subject_ends_the_dry_run_of_its_customer() {
    let mut model = unsynced(&USER);
    model.world.clerk.add("user_2");
    model.world.stripe.add_subscription("sub_2", "cus_1", "price_by_product", &[("clerk_user_id", "user_2")]);
    model.fails = |callout| {
        let broken = FakeResponse::new(500, r#"{"error":{"type":"api_error"}}"#.to_owned());
        is_to(callout, "GET", "/v1/products").then(|| broken.into())
    };
    let conclusion = model.sync_customer("cus_1", Intent::DryRun);
    assert_eq!(conclusion.failure.map(|failure| failure.code.as_str()), Some("upstream_unavailable"));
    assert!(model.written().is_empty());
}

#[test]
fn a_census_reads_every_page_and_lists_unowned_subscriptions() {
    let mut model = Model::new();
    for n in 0..1_100 {
        model.world.clerk.add_with(&format!("user_{n:04}"), json!({"plan": "pro"}), json!({}));
    }
    model.world.clerk.add_with("org_1", json!({"plan": "pro"}), json!({}));
    model.world.stripe.add_customer("cus_1", &[("clerk_org_id", "org_2")]);
    model.world.stripe.add_customer("cus_2", &[]);
    model.world.stripe.add_customer("cus_3", &[]);
    for n in 0..250 {
        model.world.stripe.add_subscription(&format!("sub_{n}"), "cus_1", "price_pro", &[]);
    }
    for (subscription, status) in [("sub_x", "active"), ("sub_y", "canceled")] {
        model.world.stripe.add_subscription(subscription, "cus_2", "price_pro", &[]);
        model.world.stripe.set_status(subscription, status);
    }
    model.world.stripe.delete_customer("cus_3", Presence::DeletedAndMissing);
    let census = model.census(Scope::All).unwrap();
    assert_eq!((census.counts.subscriptions, census.counts.users), (252, 1_100));
    assert_eq!((census.candidates.len(), census.counts.organizations), (1_102, 1));
    let unowned: Vec<&str> = census.unowned.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(unowned, ["sub_x"], "what has ended needs no owner");
}

#[test]
fn a_search_asks_for_each_key_of_the_subjects_kind() {
    let keys = json!({"user": ["clerk_user_id", "it's\\mine"], "organization": ["clerk_org_id"]});
    let mut model = Model::configured(json!({"subject_keys": keys}));
    let _ = model.sync_subject("user_1", Intent::DryRun);
    let query = |callout: &tollgate_core::http::Callout| {
        let (_, path, ..) = parts(callout);
        let pair =
            form_urlencoded::parse(path.split_once('?')?.1.as_bytes()).find(|(name, _)| name == "query");
        pair.map(|(_, query)| query.into_owned())
    };
    let want = r"metadata['clerk_user_id']:'user_1' OR metadata['it\'s\\mine']:'user_1'";
    assert_eq!(model.callouts.iter().find_map(query).as_deref(), Some(want));
}

#[test]
fn a_run_for_a_customer_reports_subscriptions_without_an_owner_of_any_age() {
    for age_s in [0, 86_400] {
        let mut model = Model::new();
        model.world.stripe.add_customer("cus_1", &[]);
        model.world.stripe.clock_s = START_S - age_s - 1;
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
        let dry_run = model.sync_customer("cus_1", Intent::DryRun);
        let unowned: Vec<_> = dry_run.unowned.iter().map(|unowned| unowned.subscription.as_str()).collect();
        assert_eq!(unowned, ["sub_1"], "{age_s} s old");
        assert_eq!(
            (lines(&dry_run, "alarm"), lines(&dry_run, "object")),
            (vec!["no_subject".into()], vec!["sub_1".into()])
        );
    }
}
