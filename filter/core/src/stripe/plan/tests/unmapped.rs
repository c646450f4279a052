//! Tests of subscriptions that map to no plan, of unknown statuses, and of recorded plans that the
//! configuration does not have: what they keep, and what raises an alarm.
#![allow(clippy::arithmetic_side_effects)]

use super::fixture::*;
use crate::stripe::plan::*;

#[test]
fn an_unmapped_subscription_keeps_only_the_plan_that_it_granted() {
    let new_price = World::new(vec![unmapped("sub_1", "active")]);
    let other_unmapped = World::new(vec![unmapped("sub_other", "active"), pro("sub_1", "canceled")]);
    let past_due = World::new(vec![unmapped("sub_1", "past_due")]);
    let both = World::new(vec![unmapped("sub_1", "active"), ent("sub_2", "active")]);
    let equal = World::new(vec![unmapped("sub_1", "active"), pro("sub_2", "trialing")]);
    check(&[
        ("a new price never downgrades", new_price.clone().recorded("pro", "sub_1"), "pro", "sub_1"),
        (
            "nor during a trial",
            World::new(vec![unmapped("sub_1", "trialing")]).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "nor within grace",
            past_due.clone().owing("sub_1", NOW_S, false).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "after grace it downgrades",
            past_due.owing("sub_1", 1, false).recorded("pro", "sub_1"),
            "free",
            "-",
        ),
        (
            "if canceled, it downgrades",
            World::new(vec![unmapped("sub_1", "canceled")]).recorded("pro", "sub_1"),
            "free",
            "-",
        ),
        ("a new price grants nothing", new_price.clone(), "free", "-"),
        ("nor without a recorded subscription", new_price.recorded("pro", ""), "free", "-"),
        (
            "another unmapped subscription does not keep pro",
            other_unmapped.recorded("pro", "sub_1"),
            "free",
            "-",
        ),
        (
            "a higher plan of another subscription counts",
            both.recorded("pro", "sub_1"),
            "enterprise",
            "sub_2",
        ),
        (
            "of two with the same plan, the one that sells it grants it",
            equal.recorded("pro", "sub_1"),
            "pro",
            "sub_2",
        ),
    ]);
}

#[test]
fn an_unmapped_price_is_an_alarm_unless_it_is_configured_as_no_plan() {
    let of = |status: &str, prices: &[&str]| World::new(vec![subscription("sub_1", status, prices)]);
    let cases: [(&str, World, &[&str]); 8] = [
        ("active", of("active", &["price_new"]), &["unmapped_price"]),
        ("trialing", of("trialing", &["price_new"]), &["unmapped_price"]),
        ("canceled", of("canceled", &["price_new"]), &[]),
        ("unpaid", of("unpaid", &["price_new"]), &[]),
        ("configured as no plan", of("active", &["price_storage"]), &[]),
        ("one of two prices is unknown", of("active", &["price_storage", "price_new"]), &["unmapped_price"]),
        ("no items", of("active", &[]), &["unmapped_price"]),
        (
            "past due, with `past_due: keep`",
            of("past_due", &["price_new"]).past_due(PastDue::Keep),
            &["unmapped_price"],
        ),
    ];
    for (why, world, want) in cases {
        assert_eq!(alarms(&world), want, "{why}");
        assert_eq!(
            world.product("prod_other", &[]).resolve().unmapped().count() > 0,
            !want.is_empty(),
            "{why}"
        );
    }
    let protected =
        of("active", &["price_new", "price_b"]).recorded("pro", "sub_1").product("prod_other", &[]);
    let text = protected.resolve().alarms.first().unwrap().to_string();
    assert!(
        text.contains("(price_b, price_new)") && text.ends_with("the plan that it granted is kept"),
        "{text}"
    );
}

#[test]
fn an_add_on_alone_keeps_no_plan() {
    let world =
        World::new(vec![subscription("sub_1", "active", &["price_storage"])]).recorded("pro", "sub_1");
    check(&[("configured as no plan", world, "free", "-")]);
    let odd = World::new(vec![subscription("sub_1", "on_hold", &["price_storage"])]).recorded("pro", "sub_1");
    check(&[("with any status", odd, "free", "-")]);
}

#[test]
fn an_unknown_status_neither_removes_nor_grants_a_plan() {
    let world = |subscription| World::new(vec![subscription]);
    check(&[
        (
            "the granting one keeps the plan",
            world(pro("sub_1", "on_hold")).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "even if it sells another plan now",
            world(ent("sub_1", "on_hold")).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "even if it sells no plan now",
            world(unmapped("sub_1", "on_hold")).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "another one keeps at most the plan that it sells",
            world(pro("sub_2", "on_hold")).recorded("enterprise", "sub_1"),
            "pro",
            "sub_2",
        ),
        (
            "another one grants no higher plan",
            world(ent("sub_2", "on_hold")).recorded("pro", ""),
            "pro",
            "sub_2",
        ),
        (
            "an unmapped one keeps nothing",
            world(unmapped("sub_2", "on_hold")).recorded("pro", "sub_1"),
            "free",
            "-",
        ),
    ]);
    assert_eq!(alarms(&world(pro("sub_1", "on_hold"))), ["unknown_status"]);
}

#[test]
fn an_unknown_plan_is_kept_while_its_subscription_grants() {
    let platinum = |subscriptions: Vec<Subscription>| World::new(subscriptions).recorded("platinum", "sub_1");
    let past_due =
        |age_s: u64| platinum(vec![unmapped("sub_1", "past_due")]).owing("sub_1", NOW_S - age_s, false);
    let both = |status: &str| vec![unmapped("sub_1", status), ent("sub_2", "active")];
    let renamed = subscription("sub_1", "active", &["price_pro", "price_storage"]);
    let partly = subscription("sub_1", "active", &["price_pro", "price_new"]);
    let mut truncated = pro("sub_1", "active");
    truncated.items_truncated = true;
    check(&[
        ("active", platinum(vec![unmapped("sub_1", "active")]), "platinum", "sub_1"),
        ("on trial", platinum(vec![unmapped("sub_1", "trialing")]), "platinum", "sub_1"),
        ("even if another subscription grants a plan", platinum(both("active")), "platinum", "sub_1"),
        ("within grace", past_due(DAY_S), "platinum", "sub_1"),
        ("after grace", past_due(GRACE_S), "free", "-"),
        ("past due, with `past_due: keep`", past_due(GRACE_S).past_due(PastDue::Keep), "platinum", "sub_1"),
        ("past due, with `past_due: revoke`", past_due(DAY_S).past_due(PastDue::Revoke), "free", "-"),
        ("an unknown status", platinum(both("on_hold")), "platinum", "sub_1"),
        ("an unknown status of a known plan", platinum(vec![pro("sub_1", "on_hold")]), "platinum", "sub_1"),
        ("one item of two is unknown", platinum(vec![partly]), "platinum", "sub_1"),
        ("items that were not listed", platinum(vec![truncated]), "platinum", "sub_1"),
        ("it has ended", platinum(both("canceled")), "enterprise", "sub_2"),
        ("it is unpaid", platinum(vec![unmapped("sub_1", "unpaid")]), "free", "-"),
        ("the subscription is another subject's now", platinum(vec![]), "free", "-"),
        ("a real downgrade, or the plan's new name", platinum(vec![renamed]), "pro", "sub_1"),
        (
            "only an add-on is left of it",
            platinum(vec![subscription("sub_1", "active", &["price_storage"])]),
            "free",
            "-",
        ),
        (
            "granted manually",
            World::new(vec![pro("sub_1", "active")]).recorded("platinum", ""),
            "pro",
            "sub_1",
        ),
        (
            "another subscription has an unmapped price",
            World::new(vec![unmapped("sub_2", "active")]).recorded("platinum", "sub_1"),
            "free",
            "-",
        ),
    ]);
    assert_eq!(alarms(&platinum(both("active"))), ["unmapped_price"]);
}

#[test]
fn a_kept_plan_keeps_the_recorded_period_while_an_item_has_it() {
    let mut two = subscription("sub_1", "active", &["price_new", "price_storage"]);
    two.items[0].current_period_end_s = Some(NOW_S + 1);
    two.items[1].current_period_end_s = Some(NOW_S + 2);
    let mut world = World::new(vec![two]).recorded("platinum", "sub_1").product("prod_other", &[]);
    for (recorded_s, want) in [(Some(NOW_S + 1), NOW_S + 1), (Some(NOW_S - 1), NOW_S + 2), (None, NOW_S + 2)]
    {
        world.period_end_s = recorded_s;
        assert_eq!(world.resolve().details.unwrap().current_period_end_s, Some(want), "{recorded_s:?}");
    }
}
