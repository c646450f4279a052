//! Tests of the plan that a set of subscriptions grants: statuses, settings, ties, and what is shown.
#![allow(clippy::arithmetic_side_effects)]

use super::fixture::*;
use crate::stripe::invoice::PLAN_CHANGE;
use crate::stripe::plan::*;

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
    let details = World::new(vec![subscription.clone()]).resolve().details.unwrap();
    assert_eq!((details.status, details.current_period_end_s), (SubscriptionStatus::Active, Some(NOW_S + 2)));

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
        assert_eq!(world.resolve().details.unwrap().cancel_at_period_end, want, "{why}");
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
        let details = owing(World::new(subscriptions)).resolve().details;
        assert_eq!(details.as_ref().map(|details| details.status.as_str()), want, "{why}");
    }
}
