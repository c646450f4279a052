//! Tests of missing and unreadable data: which data is requested, and that its lack neither grants nor
//! removes a plan.
#![allow(clippy::arithmetic_side_effects)]

use super::fixture::*;
use crate::stripe::object::Expandable;
use crate::stripe::plan::*;

#[test]
fn only_data_that_can_change_the_plan_is_requested() {
    let world = |s: Subscription| World::new(vec![s]);
    let revoke = |w: World| w.past_due(PastDue::Revoke);
    let keep = |w: World| w.past_due(PastDue::Keep);
    let cases: [(&str, World, &[&str], &[&str]); 13] = [
        ("nothing for a mapped price", world(pro("sub_1", "active")), &[], &[]),
        ("the product of an unknown price", world(unmapped("sub_1", "active")), &["prod_other"], &[]),
        ("also with an unknown status", world(unmapped("sub_1", "on_hold")), &["prod_other"], &[]),
        ("nothing for an ended subscription", world(unmapped("sub_1", "canceled")), &[], &[]),
        ("nothing for an add-on", world(subscription("sub_1", "active", &["price_storage"])), &[], &[]),
        ("not twice", world(unmapped("sub_1", "active")).product("prod_other", &[]), &[], &[]),
        ("the invoices of a past-due subscription", world(pro("sub_1", "past_due")), &[], &["sub_1"]),
        ("not twice", world(pro("sub_1", "past_due")).owing("sub_1", 1, false), &[], &[]),
        (
            "no invoices before it is known to sell a plan",
            world(unmapped("sub_1", "past_due")),
            &["prod_other"],
            &[],
        ),
        (
            "the invoices of one that may keep a recorded plan",
            world(unmapped("sub_1", "past_due")).recorded("pro", "sub_1"),
            &["prod_other"],
            &["sub_1"],
        ),
        ("no invoices with `past_due: revoke`", revoke(world(unmapped("sub_1", "past_due"))), &[], &[]),
        (
            "`past_due: keep`: only if it could raise the plan",
            keep(world(pro("sub_1", "past_due"))),
            &[],
            &["sub_1"],
        ),
        (
            "`past_due: keep`: not if it could not",
            keep(world(pro("sub_1", "past_due")).recorded("pro", "sub_2")),
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

fn truncated(id: &str, prices: &[&str]) -> Subscription {
    Subscription { items_truncated: true, ..subscription(id, "active", prices) }
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
            "the plan may be sold by an item that is not listed",
            one(truncated("sub_1", &["price_storage"])).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "also a higher plan",
            one(truncated("sub_1", &["price_pro"])).recorded("enterprise", "sub_1"),
            "enterprise",
            "sub_1",
        ),
        (
            "the listed items count",
            one(truncated("sub_1", &["price_ent"])).recorded("pro", "sub_1"),
            "enterprise",
            "sub_1",
        ),
        (
            "another subscription granted the recorded plan",
            one(truncated("sub_1", &["price_pro"])).recorded("enterprise", "sub_2"),
            "pro",
            "sub_1",
        ),
        (
            "it did not grant the recorded plan",
            one(truncated("sub_1", &["price_storage"])).recorded("pro", "sub_2"),
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
            one(Subscription { status: SubscriptionStatus::Canceled, ..truncated("sub_1", &["price_pro"]) })
                .recorded("pro", "sub_1"),
            "free",
            "-",
        ),
    ]);
    assert_eq!(alarms(&one(truncated("sub_1", &["price_storage"]))), ["items_cut"]);
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
        let truncated =
            Subscription { status: SubscriptionStatus::from(status), ..truncated("sub_1", &["price_ent"]) };
        let needs =
            World::new(vec![truncated]).evaluate(|rules, evidence, recorded| rules.needs(evidence, recorded));
        assert_eq!(
            (needs.items.len(), needs.is_empty()),
            (needed, needed == 0 && needs.open_invoices.is_empty()),
            "{status}"
        );
    }
}
