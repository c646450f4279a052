//! Tests of the plan that a set of subscriptions grants: statuses, settings, protection, ties, missing data.
#![allow(clippy::arithmetic_side_effects)]

use super::fixture::{DAY_S, GRACE, GRACE_S, NOW_S, World, invoice, subscription};
use crate::stripe::invoice::PLAN_CHANGE;
use crate::stripe::object::Expandable;
use crate::stripe::plan::*;

pub(super) fn pro(id: &str, status: &str) -> Subscription {
    subscription(id, status, &["price_pro"])
}

pub(super) fn ent(id: &str, status: &str) -> Subscription {
    subscription(id, status, &["price_ent"])
}

fn unmapped(id: &str, status: &str) -> Subscription {
    subscription(id, status, &["price_new"])
}

fn outcome(world: &World) -> (String, String) {
    world.clone().product("prod_other", &[]).outcome()
}

pub(super) fn alarms(world: &World) -> Vec<&'static str> {
    world.clone().product("prod_other", &[]).alarms()
}

pub(super) fn check(cases: &[(&str, World, &str, &str)]) {
    for (why, world, plan, granting) in cases {
        assert_eq!(outcome(world), ((*plan).to_owned(), (*granting).to_owned()), "{why}");
    }
}

#[test]
fn whether_a_status_grants_depends_on_the_setting() {
    let statuses = [
        // status, keep, revoke, grace
        ("active", "pro", "pro", "pro"),
        ("trialing", "pro", "pro", "pro"),
        ("past_due", "pro", "free", "pro"),
        ("unpaid", "free", "free", "free"),
        ("paused", "free", "free", "free"),
        ("incomplete", "free", "free", "free"),
        ("incomplete_expired", "free", "free", "free"),
        ("canceled", "free", "free", "free"),
        ("on_hold", "free", "free", "free"),
    ];
    for (status, keep, revoke, grace) in statuses {
        for (setting, want) in [(PastDue::Keep, keep), (PastDue::Revoke, revoke), (GRACE, grace)] {
            let world =
                World::new(vec![pro("sub_1", status)]).past_due(setting).owing("sub_1", NOW_S - DAY_S, false);
            let granting = if want == "pro" { "sub_1" } else { "-" };
            check(&[(&format!("{status} under {setting:?}"), world, want, granting)]);
        }
    }
}

#[test]
fn the_highest_plan_of_all_subscriptions_and_items_wins() {
    let two_items = subscription("sub_1", "active", &["price_pro", "price_ent"]);
    let with_add_on = subscription("sub_1", "active", &["price_storage", "price_pro", "price_new"]);
    check(&[
        ("no subscription", World::new(vec![]), "free", "-"),
        (
            "two subscriptions",
            World::new(vec![pro("sub_1", "active"), ent("sub_2", "active")]),
            "enterprise",
            "sub_2",
        ),
        ("two items", World::new(vec![two_items]), "enterprise", "sub_1"),
        (
            "an unmapped item of a mapped subscription is an add-on",
            World::new(vec![with_add_on]),
            "pro",
            "sub_1",
        ),
        (
            "the subscription with the higher plan has ended",
            World::new(vec![pro("sub_1", "active"), ent("sub_2", "canceled")]),
            "pro",
            "sub_1",
        ),
        (
            "a downgrade in Stripe",
            World::new(vec![pro("sub_1", "active")]).recorded("enterprise", "sub_1"),
            "pro",
            "sub_1",
        ),
        ("all ended", World::new(vec![pro("sub_1", "canceled")]).recorded("pro", "sub_1"), "free", "-"),
        (
            "a price of the default plan",
            World::new(vec![subscription("sub_1", "active", &["price_free"])]),
            "free",
            "sub_1",
        ),
    ]);
    let world =
        World::new(vec![subscription("sub_1", "active", &["price_storage", "price_pro", "price_new"])]);
    assert_eq!(alarms(&world), Vec::<&str>::new(), "add-ons of a mapped subscription cause no alarm");
}

#[test]
fn an_unmapped_subscription_keeps_only_the_plan_that_it_granted() {
    let new_price = World::new(vec![unmapped("sub_1", "active")]);
    let other_unmapped = World::new(vec![unmapped("sub_other", "active"), pro("sub_1", "canceled")]);
    let late = World::new(vec![unmapped("sub_1", "past_due")]);
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
            late.clone().owing("sub_1", NOW_S, false).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        ("after grace it downgrades", late.owing("sub_1", 1, false).recorded("pro", "sub_1"), "free", "-"),
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
    let late =
        |age_s: u64| platinum(vec![unmapped("sub_1", "past_due")]).owing("sub_1", NOW_S - age_s, false);
    let both = |status: &str| vec![unmapped("sub_1", status), ent("sub_2", "active")];
    let renamed = subscription("sub_1", "active", &["price_pro", "price_storage"]);
    let partly = subscription("sub_1", "active", &["price_pro", "price_new"]);
    let mut cut = pro("sub_1", "active");
    cut.items_cut = true;
    check(&[
        ("active", platinum(vec![unmapped("sub_1", "active")]), "platinum", "sub_1"),
        ("on trial", platinum(vec![unmapped("sub_1", "trialing")]), "platinum", "sub_1"),
        ("even if another subscription grants a plan", platinum(both("active")), "platinum", "sub_1"),
        ("within grace", late(DAY_S), "platinum", "sub_1"),
        ("after grace", late(GRACE_S), "free", "-"),
        ("past due, with `past_due: keep`", late(GRACE_S).past_due(PastDue::Keep), "platinum", "sub_1"),
        ("past due, with `past_due: revoke`", late(DAY_S).past_due(PastDue::Revoke), "free", "-"),
        ("an unknown status", platinum(both("on_hold")), "platinum", "sub_1"),
        ("an unknown status of a known plan", platinum(vec![pro("sub_1", "on_hold")]), "platinum", "sub_1"),
        ("one item of two is unknown", platinum(vec![partly]), "platinum", "sub_1"),
        ("items that were not shown", platinum(vec![cut]), "platinum", "sub_1"),
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
        assert_eq!(world.resolve().shown.unwrap().current_period_end_s, Some(want), "{recorded_s:?}");
    }
}

#[test]
fn the_order_of_equal_subscriptions_is_fixed() {
    let ending = |id: &str, status: &str, end_s: u64| {
        let mut subscription = pro(id, status);
        subscription.items[0].current_period_end_s = Some(end_s);
        subscription
    };
    let cases = [
        ("active before trialing", vec![pro("sub_1", "trialing"), pro("sub_2", "active")], "sub_2"),
        ("trialing before past due", vec![pro("sub_1", "past_due"), pro("sub_2", "trialing")], "sub_2"),
        (
            "the status before the period",
            vec![ending("sub_1", "active", 1), ending("sub_2", "trialing", 9)],
            "sub_1",
        ),
        ("the latest period end", vec![ending("sub_1", "active", 5), ending("sub_2", "active", 6)], "sub_2"),
        ("a known end before none", vec![pro_without_end("sub_1"), ending("sub_2", "active", 1)], "sub_2"),
        ("the smallest id", vec![pro("sub_2", "active"), pro("sub_1", "active")], "sub_1"),
        (
            "a subscription that grants a plan before one that keeps a recorded plan",
            vec![pro("sub_1", "past_due"), late_pro()],
            "sub_1",
        ),
        ("the plan before everything", vec![ending("sub_1", "active", 9), ent("sub_2", "trialing")], "sub_2"),
    ];
    for (why, subscriptions, want) in cases {
        let world = World::new(subscriptions).owing("sub_1", NOW_S, false).recorded("pro", "sub_9");
        assert_eq!(world.outcome().1, want, "{why}");
    }
}

/// Returns a subscription with the latest period end of all, whose change to pro has not been paid.
fn late_pro() -> Subscription {
    let mut subscription = pro("sub_2", "past_due");
    subscription.items[0].current_period_end_s = Some(NOW_S + 60 * DAY_S);
    subscription.latest_invoice = Some(invoice("open", PLAN_CHANGE, NOW_S));
    subscription
}

fn pro_without_end(id: &str) -> Subscription {
    let mut subscription = pro(id, "active");
    subscription.items[0].current_period_end_s = None;
    subscription
}

#[test]
fn the_period_shown_is_that_of_the_item_that_grants() {
    let mut subscription = subscription("sub_1", "active", &["price_pro", "price_ent", "price_storage"]);
    for (item, end_s) in subscription.items.iter_mut().zip([NOW_S + 1, NOW_S + 2, NOW_S + 3]) {
        item.current_period_end_s = Some(end_s);
    }
    let shown = World::new(vec![subscription.clone()]).resolve().shown.unwrap();
    assert_eq!((shown.status, shown.current_period_end_s), (SubscriptionStatus::Active, Some(NOW_S + 2)));

    let cases = [
        ("it continues", false, None, false),
        ("it ends with the period", true, None, true),
        ("`cancel_at` is the end of the period, as the portal sets it", false, Some(NOW_S + 2), true),
        ("it ends earlier", false, Some(NOW_S + 1), true),
        ("it ends some periods later", false, Some(NOW_S + 3), false),
    ];
    for (why, at_period_end, at_s, want) in cases {
        subscription.cancel_at_period_end = at_period_end;
        subscription.cancel_at_s = at_s;
        let world = World::new(vec![subscription.clone()]);
        assert_eq!(world.resolve().shown.unwrap().cancel_at_period_end, want, "{why}");
        assert_eq!(world.outcome().0, "enterprise", "{why}: it grants the plan until it has ended");
    }
}

#[test]
fn without_a_granting_subscription_the_nearest_one_is_shown() {
    let owing = |world: World| world.owing("sub_1", 1, false).product("prod_other", &[]);
    let cases = [
        ("none", vec![], None),
        ("canceled", vec![pro("sub_1", "canceled")], Some("canceled")),
        ("unpaid before canceled", vec![pro("sub_2", "canceled"), pro("sub_1", "unpaid")], Some("unpaid")),
        ("after its grace", vec![pro("sub_1", "past_due"), pro("sub_2", "canceled")], Some("past_due")),
        ("an add-on is not shown", vec![subscription("sub_1", "canceled", &["price_storage"])], None),
        ("an active unmapped subscription is not shown", vec![unmapped("sub_1", "active")], None),
        ("a past-due unmapped subscription is not shown", vec![unmapped("sub_1", "past_due")], None),
    ];
    for (why, subscriptions, want) in cases {
        let shown = owing(World::new(subscriptions)).resolve().shown;
        assert_eq!(shown.as_ref().map(|shown| shown.status.as_str()), want, "{why}");
    }
}

#[test]
fn only_data_that_can_change_the_plan_is_requested() {
    let late = |s: Subscription| World::new(vec![s]);
    let revoke = |w: World| w.past_due(PastDue::Revoke);
    let keep = |w: World| w.past_due(PastDue::Keep);
    let cases: [(&str, World, &[&str], &[&str]); 13] = [
        ("nothing for a mapped price", late(pro("sub_1", "active")), &[], &[]),
        ("the product of an unknown price", late(unmapped("sub_1", "active")), &["prod_other"], &[]),
        ("also with an unknown status", late(unmapped("sub_1", "on_hold")), &["prod_other"], &[]),
        ("nothing for an ended subscription", late(unmapped("sub_1", "canceled")), &[], &[]),
        ("nothing for an add-on", late(subscription("sub_1", "active", &["price_storage"])), &[], &[]),
        ("not twice", late(unmapped("sub_1", "active")).product("prod_other", &[]), &[], &[]),
        ("the invoices of a past-due subscription", late(pro("sub_1", "past_due")), &[], &["sub_1"]),
        ("not twice", late(pro("sub_1", "past_due")).owing("sub_1", 1, false), &[], &[]),
        (
            "no invoices before it is known to sell a plan",
            late(unmapped("sub_1", "past_due")),
            &["prod_other"],
            &[],
        ),
        (
            "the invoices of one that may keep a recorded plan",
            late(unmapped("sub_1", "past_due")).recorded("pro", "sub_1"),
            &["prod_other"],
            &["sub_1"],
        ),
        ("no invoices with `past_due: revoke`", revoke(late(unmapped("sub_1", "past_due"))), &[], &[]),
        (
            "`past_due: keep`: only if it could raise the plan",
            keep(late(pro("sub_1", "past_due"))),
            &[],
            &["sub_1"],
        ),
        (
            "`past_due: keep`: not if it could not",
            keep(late(pro("sub_1", "past_due")).recorded("pro", "sub_2")),
            &[],
            &[],
        ),
    ];
    for (why, world, products, invoices) in cases {
        let needs = world.evaluate(|rules, evidence, recorded| rules.needs(evidence, recorded));
        assert_eq!(needs.products.iter().map(ProductId::as_str).collect::<Vec<_>>(), products, "{why}");
        assert_eq!(
            needs.open_invoices.iter().map(SubscriptionId::as_str).collect::<Vec<_>>(),
            invoices,
            "{why}"
        );
        assert_eq!(needs.is_empty(), products.is_empty() && invoices.is_empty(), "{why}");
    }
}

pub(super) fn with_unreadable(mut subscription: Subscription, part: UnreadablePart) -> Subscription {
    subscription.unreadable.insert(part);
    subscription
}

fn cut(id: &str, prices: &[&str]) -> Subscription {
    Subscription { items_cut: true, ..subscription(id, "active", prices) }
}

#[test]
fn unreadable_items_neither_remove_nor_grant_a_plan() {
    let unreadable =
        |prices: &[&str]| with_unreadable(subscription("sub_1", "active", prices), UnreadablePart::Item);
    let gone = |price: &str| {
        let mut subscription = subscription("sub_1", "active", &["price_pro", price]);
        for item in &mut subscription.items {
            item.price.product = Some(Expandable::Id("prod_gone".to_owned()));
        }
        let mut world = World::new(vec![subscription]);
        world.products.insert(ProductId::parse("prod_gone").unwrap(), None);
        world
    };
    let one = |subscription| World::new(vec![subscription]);
    check(&[
        (
            "the plan may be sold by an item that is not shown",
            one(cut("sub_1", &["price_storage"])).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "also a higher plan",
            one(cut("sub_1", &["price_pro"])).recorded("enterprise", "sub_1"),
            "enterprise",
            "sub_1",
        ),
        (
            "the shown items count",
            one(cut("sub_1", &["price_ent"])).recorded("pro", "sub_1"),
            "enterprise",
            "sub_1",
        ),
        (
            "another subscription granted the recorded plan",
            one(cut("sub_1", &["price_pro"])).recorded("enterprise", "sub_2"),
            "pro",
            "sub_1",
        ),
        (
            "it did not grant the recorded plan",
            one(cut("sub_1", &["price_storage"])).recorded("pro", "sub_2"),
            "free",
            "-",
        ),
        (
            "an unreadable item",
            one(unreadable(&["price_pro"])).recorded("enterprise", "sub_1"),
            "enterprise",
            "sub_1",
        ),
        ("an unreadable item grants nothing", one(unreadable(&[])).recorded("free", "sub_1"), "free", "-"),
        ("a deleted product", gone("price_x").recorded("enterprise", "sub_1"), "enterprise", "sub_1"),
        (
            "a deleted product that is not needed",
            gone("price_storage").recorded("enterprise", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "it has ended",
            one(Subscription { status: SubscriptionStatus::Canceled, ..cut("sub_1", &["price_pro"]) })
                .recorded("pro", "sub_1"),
            "free",
            "-",
        ),
    ]);
    assert_eq!(alarms(&one(cut("sub_1", &["price_storage"]))), ["items_cut"]);
    assert_eq!(alarms(&one(unreadable(&["price_pro"]))), ["unreadable_part"]);
    assert_eq!(
        alarms(&one(unreadable(&["price_new"])).product("prod_other", &[])),
        ["unmapped_price", "unreadable_part"]
    );
    assert_eq!(alarms(&gone("price_x")), ["unreadable_part"]);
}

#[test]
fn an_unreadable_price_can_be_mapped_only_by_its_id() {
    let odd = |price: &str| {
        let mut subscription = subscription("sub_1", "active", &[price]);
        for item in &mut subscription.items {
            (item.price.product, item.price.unreadable) = (None, true);
        }
        World::new(vec![subscription])
    };
    check(&[
        ("mapped by its id", odd("price_pro").recorded("enterprise", "sub_1"), "pro", "sub_1"),
        (
            "configured as no plan by its id",
            odd("price_storage").recorded("enterprise", "sub_1"),
            "free",
            "-",
        ),
        ("not mapped by its id", odd("price_x").recorded("enterprise", "sub_1"), "enterprise", "sub_1"),
    ]);
    assert_eq!(alarms(&odd("price_pro")), [""; 0]);
}

#[test]
fn the_items_of_an_incomplete_list_are_needed_if_they_may_count() {
    for (status, needed) in [("active", 1), ("past_due", 1), ("canceled", 0), ("unpaid", 0)] {
        let cut = Subscription { status: SubscriptionStatus::from(status), ..cut("sub_1", &["price_ent"]) };
        let needs =
            World::new(vec![cut]).evaluate(|rules, evidence, recorded| rules.needs(evidence, recorded));
        assert_eq!(
            (needs.items.len(), needs.is_empty()),
            (needed, needed == 0 && needs.open_invoices.is_empty()),
            "{status}"
        );
    }
}
