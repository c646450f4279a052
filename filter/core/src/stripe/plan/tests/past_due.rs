//! Tests of the plan that a subscription grants after a failed payment: grace, changes of plan, the last paid plan.

#![allow(clippy::arithmetic_side_effects)]

use super::fixture::{DAY_S, GRACE_S, NOW_S, World, invoice, subscription};
use super::resolve::{alarms, check, ent, pro, with_unreadable};
use crate::stripe::invoice::PLAN_CHANGE;
use crate::stripe::plan::*;

#[test]
fn grace_runs_from_the_oldest_open_invoice_and_ends() {
    let owing = |age_s: u64| World::new(vec![pro("sub_1", "past_due")]).owing("sub_1", NOW_S - age_s, false);
    let mut latest = pro("sub_1", "past_due");
    latest.latest_invoice = Some(invoice("open", "subscription_cycle", NOW_S - DAY_S));
    let newer_latest = World::new(vec![latest.clone()]).owing("sub_1", NOW_S - 20 * DAY_S, false);
    let long = GRACE_S - 1;
    check(&[
        ("just now", owing(0), "pro", "sub_1"),
        ("a second left", owing(long), "pro", "sub_1"),
        ("exactly over", owing(GRACE_S), "free", "-"),
        ("long over", owing(100 * DAY_S), "free", "-"),
        ("no invoice is open, the last one tells", World::new(vec![latest]), "pro", "sub_1"),
        ("the last invoice is young, an older one is open", newer_latest, "free", "-"),
        ("nothing tells: no grace without an end", World::new(vec![pro("sub_1", "past_due")]), "free", "-"),
        ("no grace at all", owing(0).past_due(PastDue::Grace(Duration::ZERO)), "free", "-"),
        ("an endless one", owing(GRACE_S).past_due(PastDue::Grace(Duration::MAX)), "pro", "sub_1"),
        (
            "an active one needs none",
            World::new(vec![pro("sub_1", "active")]).owing("sub_1", 1, false),
            "pro",
            "sub_1",
        ),
    ]);
    assert_eq!(alarms(&World::new(vec![pro("sub_1", "past_due")])), ["no_grace_start"]);
    assert_eq!(owing(DAY_S).resolve().shown.unwrap().grace_until_s, Some(NOW_S + 13 * DAY_S));
    assert_eq!(owing(DAY_S).past_due(PastDue::Keep).resolve().shown.unwrap().grace_until_s, None);
    assert_eq!(owing(GRACE_S).resolve().shown.unwrap().grace_until_s, None, "over");
}

#[test]
fn a_change_of_plan_that_was_not_paid_raises_nothing() {
    let change = |status: &str| {
        let mut raised = ent("sub_1", "past_due");
        raised.latest_invoice = Some(invoice(status, PLAN_CHANGE, NOW_S - DAY_S));
        World::new(vec![raised]).owing("sub_1", NOW_S - DAY_S, false)
    };
    let older_change = World::new(vec![ent("sub_1", "past_due")]).owing("sub_1", NOW_S - DAY_S, true);
    let lowered = World::new(vec![pro("sub_1", "past_due")]).owing("sub_1", NOW_S - DAY_S, true);
    check(&[
        ("no Enterprise by a dead card", change("open").recorded("pro", "sub_1"), "pro", "sub_1"),
        (
            "nor with payments kept alive",
            change("open").past_due(PastDue::Keep).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        ("nor after the next renewal", older_change.clone().recorded("pro", "sub_1"), "pro", "sub_1"),
        (
            "nor then, kept alive",
            older_change.past_due(PastDue::Keep).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        ("nor by having it voided", change("void").recorded("pro", "sub_1"), "pro", "sub_1"),
        ("nor from nothing", change("open"), "free", "-"),
        ("what is on record is kept", change("open").recorded("enterprise", "sub_1"), "enterprise", "sub_1"),
        (
            "nor by a change that was paid, as long as the rest is not",
            change("paid").recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        ("a change downwards lowers", lowered.recorded("enterprise", "sub_1"), "pro", "sub_1"),
        (
            "a renewal raises",
            World::new(vec![ent("sub_1", "past_due")]).owing("sub_1", NOW_S, false),
            "enterprise",
            "sub_1",
        ),
        (
            "revoked altogether",
            change("open").past_due(PastDue::Revoke).recorded("pro", "sub_1"),
            "free",
            "-",
        ),
    ]);
}

#[test]
fn while_past_due_a_subscription_grants_at_most_what_was_paid() {
    // The renewal was not paid, and then the price was changed without an invoice.
    let late =
        |subscription: Subscription| World::new(vec![subscription]).owing("sub_1", NOW_S - DAY_S, false);
    let beside = |status: &str| {
        let world = World::new(vec![ent("sub_1", "past_due"), ent("sub_2", status)]);
        world.owing("sub_1", NOW_S - DAY_S, false).recorded("enterprise", "sub_2").paid("sub_1", "pro")
    };
    check(&[
        ("changed to more", late(ent("sub_1", "past_due")).recorded("pro", "sub_1"), "pro", "sub_1"),
        ("to less", late(pro("sub_1", "past_due")).recorded("enterprise", "sub_1"), "pro", "sub_1"),
        (
            "to less, and to more again",
            late(ent("sub_1", "past_due")).recorded("pro", "sub_1").paid("sub_1", "enterprise"),
            "enterprise",
            "sub_1",
        ),
        (
            "by an old release that let it",
            late(ent("sub_1", "past_due")).recorded("enterprise", "sub_1").paid("sub_1", "pro"),
            "pro",
            "sub_1",
        ),
        (
            "kept alive",
            late(ent("sub_1", "past_due")).recorded("pro", "sub_1").past_due(PastDue::Keep),
            "pro",
            "sub_1",
        ),
        ("another one pays for more", beside("active"), "enterprise", "sub_2"),
        ("and has ended: not less than was paid, nor more", beside("canceled"), "pro", "sub_1"),
        (
            "paid again",
            World::new(vec![ent("sub_1", "active")]).recorded("pro", "sub_1"),
            "enterprise",
            "sub_1",
        ),
        ("what was paid was free", late(ent("sub_1", "past_due")).recorded("free", "sub_1"), "free", "-"),
        (
            "never seen before it was late, but the unpaid renewal tells",
            late(ent("sub_1", "past_due")).renewing("sub_1", &["price_pro"]),
            "pro",
            "sub_1",
        ),
        (
            "paid for a higher plan before a renewal that is not known",
            late(ent("sub_1", "past_due")).recorded("pro", "sub_1").renewing("sub_1", &["price_ent"]),
            "enterprise",
            "sub_1",
        ),
        (
            "an add-on was renewed",
            late(ent("sub_1", "past_due")).renewing("sub_1", &["price_storage"]),
            "free",
            "-",
        ),
        (
            "a renewal of an unknown price is ignored",
            late(ent("sub_1", "past_due")).recorded("pro", "sub_1").renewing("sub_1", &["price_old"]),
            "pro",
            "sub_1",
        ),
        ("never seen before it was late", late(ent("sub_1", "past_due")), "enterprise", "sub_1"),
    ]);
    let paid = |world: &World| {
        let paid = world.resolve().paid;
        let names = paid.iter().map(|(id, rank)| (id.to_string(), world.plans.get(*rank).name.clone()));
        names.collect::<Vec<_>>()
    };
    let noted = |plan: &str| vec![("sub_1".to_owned(), plan.to_owned())];
    assert_eq!(paid(&World::new(vec![pro("sub_1", "active")]).recorded("enterprise", "sub_1")), noted("pro"));
    assert_eq!(paid(&World::new(vec![ent("sub_1", "trialing")])), noted("enterprise"));
    assert_eq!(paid(&late(ent("sub_1", "past_due")).recorded("pro", "sub_1")), noted("pro"));
    assert_eq!(paid(&late(pro("sub_1", "past_due")).recorded("enterprise", "sub_1")), noted("enterprise"));
    assert_eq!(paid(&World::new(vec![pro("sub_1", "unpaid")]).recorded("pro", "sub_1")), noted("pro"));
    assert_eq!(paid(&World::new(vec![pro("sub_1", "canceled")]).recorded("pro", "sub_1")), vec![]);
}

#[test]
fn an_invoice_that_cannot_be_read_ends_no_grace_and_begins_none() {
    let late = |prices: &[&str]| subscription("sub_1", "past_due", prices);
    let unreadable =
        |prices: &[&str]| World::new(vec![with_unreadable(late(prices), UnreadablePart::LatestInvoice)]);
    let open = |oldest_s| {
        let mut world = World::new(vec![late(&["price_pro"])]);
        let owed = OpenInvoices { oldest_s, unreadable: true, ..OpenInvoices::default() };
        world.open_invoices.insert(SubscriptionId::parse("sub_1").unwrap(), owed);
        world
    };
    check(&[
        ("kept", unreadable(&["price_pro"]).recorded("pro", "sub_1"), "pro", "sub_1"),
        ("never raised", unreadable(&["price_ent"]).recorded("pro", "sub_1"), "pro", "sub_1"),
        ("it sells less now", unreadable(&["price_pro"]).recorded("enterprise", "sub_1"), "pro", "sub_1"),
        ("it granted nothing", unreadable(&["price_pro"]).recorded("pro", "sub_2"), "free", "-"),
        ("an open invoice", open(None).recorded("pro", "sub_1"), "pro", "sub_1"),
        (
            "another says that it is over",
            open(Some(NOW_S - 20 * DAY_S)).recorded("pro", "sub_1"),
            "free",
            "-",
        ),
        ("another says that it is not", open(Some(NOW_S - DAY_S)).recorded("pro", "sub_1"), "pro", "sub_1"),
        (
            "it does not matter",
            World::new(vec![with_unreadable(pro("sub_1", "active"), UnreadablePart::LatestInvoice)]),
            "pro",
            "sub_1",
        ),
    ]);
    assert_eq!(alarms(&unreadable(&["price_pro"]).recorded("pro", "sub_1")), ["unreadable_part"]);
    assert_eq!(alarms(&open(None).recorded("pro", "sub_1")), ["unreadable_part"]);
}

#[test]
fn what_an_open_invoice_charges_for_is_held_against_the_record() {
    let late = |paid: &str, invoiced: &[&str], is_paid: bool| {
        let mut world = World::new(vec![ent("sub_1", "past_due")]);
        world = world.recorded(if paid == "enterprise" { "enterprise" } else { "pro" }, "sub_1");
        world.granting_is_paid = is_paid;
        world.owing("sub_1", NOW_S - DAY_S, false).renewing("sub_1", invoiced)
    };
    let first_seen = |invoiced: &[&str]| {
        World::new(vec![ent("sub_1", "past_due")])
            .owing("sub_1", NOW_S - DAY_S, false)
            .renewing("sub_1", invoiced)
    };
    check(&[
        ("a lower renewal counts", late("enterprise", &["price_pro"], true), "pro", "sub_1"),
        (
            "a higher one is newer than a record that shows it paid",
            late("pro", &["price_ent"], true),
            "enterprise",
            "sub_1",
        ),
        ("and raises nothing once it was late", late("pro", &["price_ent"], false), "pro", "sub_1"),
        ("a lower one still counts then", late("enterprise", &["price_pro"], false), "pro", "sub_1"),
        (
            "what is no plan takes none away",
            late("enterprise", &["price_storage"], true),
            "enterprise",
            "sub_1",
        ),
        ("nor when it was late", late("enterprise", &["price_storage"], false), "enterprise", "sub_1"),
        ("no plan was ever paid for", first_seen(&["price_storage"]), "free", "-"),
        ("a plan was paid for", first_seen(&["price_pro"]), "pro", "sub_1"),
    ]);
}
