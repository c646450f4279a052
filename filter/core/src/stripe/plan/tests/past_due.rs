//! Tests of the plan that a subscription grants after a failed payment: grace, changes of plan, the last paid
//! plan.

#![allow(clippy::arithmetic_side_effects)]

use super::fixture::*;
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
        ("failed just now", owing(0), "pro", "sub_1"),
        ("one second of grace left", owing(long), "pro", "sub_1"),
        ("grace ends exactly now", owing(GRACE_S), "free", "-"),
        ("grace ended long ago", owing(100 * DAY_S), "free", "-"),
        ("no open invoice: grace starts with the latest one", World::new(vec![latest]), "pro", "sub_1"),
        ("the latest invoice is recent, but an older one is open", newer_latest, "free", "-"),
        (
            "no invoice: there is no grace without a start",
            World::new(vec![pro("sub_1", "past_due")]),
            "free",
            "-",
        ),
        ("a grace of zero", owing(0).past_due(PastDue::Grace(Duration::ZERO)), "free", "-"),
        ("an endless grace", owing(GRACE_S).past_due(PastDue::Grace(Duration::MAX)), "pro", "sub_1"),
        (
            "an active subscription needs no grace",
            World::new(vec![pro("sub_1", "active")]).owing("sub_1", 1, false),
            "pro",
            "sub_1",
        ),
    ]);
    assert_eq!(alarms(&World::new(vec![pro("sub_1", "past_due")])), ["no_grace_start"]);
    assert_eq!(owing(DAY_S).resolve().details.unwrap().grace_until_s, Some(NOW_S + 13 * DAY_S));
    assert_eq!(owing(DAY_S).past_due(PastDue::Keep).resolve().details.unwrap().grace_until_s, None);
    assert_eq!(owing(GRACE_S).resolve().details.unwrap().grace_until_s, None, "over");
}

#[test]
fn a_change_of_plan_that_was_not_paid_raises_no_plan() {
    let change = |status: &str| {
        let mut raised = ent("sub_1", "past_due");
        raised.latest_invoice = Some(invoice(status, PLAN_CHANGE, NOW_S - DAY_S));
        World::new(vec![raised]).owing("sub_1", NOW_S - DAY_S, false)
    };
    let older_change = World::new(vec![ent("sub_1", "past_due")]).owing("sub_1", NOW_S - DAY_S, true);
    let lowered = World::new(vec![pro("sub_1", "past_due")]).owing("sub_1", NOW_S - DAY_S, true);
    check(&[
        (
            "an upgrade without payment grants no Enterprise",
            change("open").recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "nor with `past_due: keep`",
            change("open").past_due(PastDue::Keep).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        ("nor after the next renewal", older_change.clone().recorded("pro", "sub_1"), "pro", "sub_1"),
        (
            "nor after the next renewal with `past_due: keep`",
            older_change.past_due(PastDue::Keep).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        ("nor if the invoice is voided", change("void").recorded("pro", "sub_1"), "pro", "sub_1"),
        ("nor without a recorded plan", change("open"), "free", "-"),
        ("a recorded plan is kept", change("open").recorded("enterprise", "sub_1"), "enterprise", "sub_1"),
        (
            "nor if the change was paid, but the renewal was not",
            change("paid").recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        ("a downgrade lowers the plan", lowered.recorded("enterprise", "sub_1"), "pro", "sub_1"),
        (
            "a renewal with a higher price raises the plan",
            World::new(vec![ent("sub_1", "past_due")]).owing("sub_1", NOW_S, false),
            "enterprise",
            "sub_1",
        ),
        (
            "`past_due: revoke`",
            change("open").past_due(PastDue::Revoke).recorded("pro", "sub_1"),
            "free",
            "-",
        ),
    ]);
}

#[test]
fn while_past_due_a_subscription_grants_at_most_what_was_paid() {
    // The renewal was not paid, and then the price was changed without an invoice.
    let unpaid =
        |subscription: Subscription| World::new(vec![subscription]).owing("sub_1", NOW_S - DAY_S, false);
    let with_other = |status: &str| {
        let world = World::new(vec![ent("sub_1", "past_due"), ent("sub_2", status)]);
        world.owing("sub_1", NOW_S - DAY_S, false).recorded("enterprise", "sub_2").paid("sub_1", "pro")
    };
    check(&[
        (
            "changed to a higher plan",
            unpaid(ent("sub_1", "past_due")).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "changed to a lower plan",
            unpaid(pro("sub_1", "past_due")).recorded("enterprise", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "lowered, and raised again to the plan that was paid",
            unpaid(ent("sub_1", "past_due")).recorded("pro", "sub_1").paid("sub_1", "enterprise"),
            "enterprise",
            "sub_1",
        ),
        (
            "recorded by a release without this rule",
            unpaid(ent("sub_1", "past_due")).recorded("enterprise", "sub_1").paid("sub_1", "pro"),
            "pro",
            "sub_1",
        ),
        (
            "`past_due: keep`",
            unpaid(ent("sub_1", "past_due")).recorded("pro", "sub_1").past_due(PastDue::Keep),
            "pro",
            "sub_1",
        ),
        ("another subscription pays for a higher plan", with_other("active"), "enterprise", "sub_2"),
        ("after the other one ended: exactly the paid plan", with_other("canceled"), "pro", "sub_1"),
        (
            "paid again",
            World::new(vec![ent("sub_1", "active")]).recorded("pro", "sub_1"),
            "enterprise",
            "sub_1",
        ),
        (
            "the paid plan was the default plan",
            unpaid(ent("sub_1", "past_due")).recorded("free", "sub_1"),
            "free",
            "-",
        ),
        (
            "first seen when it was past due: the unpaid renewal shows its plan",
            unpaid(ent("sub_1", "past_due")).renewing("sub_1", &["price_pro"]),
            "pro",
            "sub_1",
        ),
        (
            "the unpaid renewal shows a higher plan than the record",
            unpaid(ent("sub_1", "past_due")).recorded("pro", "sub_1").renewing("sub_1", &["price_ent"]),
            "enterprise",
            "sub_1",
        ),
        (
            "the unpaid renewal is only of an add-on",
            unpaid(ent("sub_1", "past_due")).renewing("sub_1", &["price_storage"]),
            "free",
            "-",
        ),
        (
            "a renewal of an unknown price is ignored",
            unpaid(ent("sub_1", "past_due")).recorded("pro", "sub_1").renewing("sub_1", &["price_old"]),
            "pro",
            "sub_1",
        ),
        ("first seen when it was past due", unpaid(ent("sub_1", "past_due")), "enterprise", "sub_1"),
    ]);
    let paid = |world: &World| {
        let paid = world.resolve().paid;
        let names = paid.iter().map(|(id, rank)| (id.to_string(), world.plans.get(*rank).name.clone()));
        names.collect::<Vec<_>>()
    };
    let noted = |plan: &str| vec![("sub_1".to_owned(), plan.to_owned())];
    assert_eq!(paid(&World::new(vec![pro("sub_1", "active")]).recorded("enterprise", "sub_1")), noted("pro"));
    assert_eq!(paid(&World::new(vec![ent("sub_1", "trialing")])), noted("enterprise"));
    assert_eq!(paid(&unpaid(ent("sub_1", "past_due")).recorded("pro", "sub_1")), noted("pro"));
    assert_eq!(paid(&unpaid(pro("sub_1", "past_due")).recorded("enterprise", "sub_1")), noted("enterprise"));
    assert_eq!(paid(&World::new(vec![pro("sub_1", "unpaid")]).recorded("pro", "sub_1")), noted("pro"));
    assert_eq!(paid(&World::new(vec![pro("sub_1", "canceled")]).recorded("pro", "sub_1")), vec![]);
}

#[test]
fn an_unreadable_invoice_neither_ends_nor_starts_grace() {
    let past_due = |prices: &[&str]| subscription("sub_1", "past_due", prices);
    let unreadable =
        |prices: &[&str]| World::new(vec![with_unreadable(past_due(prices), UnreadablePart::LatestInvoice)]);
    let open = |oldest_s| {
        let mut world = World::new(vec![past_due(&["price_pro"])]);
        let owed = OpenInvoices { oldest_s, unreadable: true, ..OpenInvoices::default() };
        world.open_invoices.insert(SubscriptionId::parse("sub_1").unwrap(), owed);
        world
    };
    check(&[
        ("the plan is kept", unreadable(&["price_pro"]).recorded("pro", "sub_1"), "pro", "sub_1"),
        ("the plan is not raised", unreadable(&["price_ent"]).recorded("pro", "sub_1"), "pro", "sub_1"),
        (
            "it now sells a lower plan",
            unreadable(&["price_pro"]).recorded("enterprise", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "it did not grant the recorded plan",
            unreadable(&["price_pro"]).recorded("pro", "sub_2"),
            "free",
            "-",
        ),
        ("an unreadable open invoice", open(None).recorded("pro", "sub_1"), "pro", "sub_1"),
        (
            "another invoice shows that grace is over",
            open(Some(NOW_S - 20 * DAY_S)).recorded("pro", "sub_1"),
            "free",
            "-",
        ),
        (
            "another invoice shows that grace is not over",
            open(Some(NOW_S - DAY_S)).recorded("pro", "sub_1"),
            "pro",
            "sub_1",
        ),
        (
            "an active subscription does not need it",
            World::new(vec![with_unreadable(pro("sub_1", "active"), UnreadablePart::LatestInvoice)]),
            "pro",
            "sub_1",
        ),
    ]);
    assert_eq!(alarms(&unreadable(&["price_pro"]).recorded("pro", "sub_1")), ["unreadable_part"]);
    assert_eq!(alarms(&open(None).recorded("pro", "sub_1")), ["unreadable_part"]);
}

#[test]
fn the_plan_of_an_open_invoice_is_compared_with_the_record() {
    let unpaid = |paid: &str, invoiced: &[&str], is_paid: bool| {
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
        (
            "an unpaid renewal of a lower plan counts",
            unpaid("enterprise", &["price_pro"], true),
            "pro",
            "sub_1",
        ),
        (
            "one of a higher plan counts if the record is of a paid period",
            unpaid("pro", &["price_ent"], true),
            "enterprise",
            "sub_1",
        ),
        (
            "one of a higher plan raises nothing if the record was past due",
            unpaid("pro", &["price_ent"], false),
            "pro",
            "sub_1",
        ),
        (
            "one of a lower plan still counts if the record was past due",
            unpaid("enterprise", &["price_pro"], false),
            "pro",
            "sub_1",
        ),
        (
            "one of an add-on takes no plan away",
            unpaid("enterprise", &["price_storage"], true),
            "enterprise",
            "sub_1",
        ),
        (
            "nor if the record was past due",
            unpaid("enterprise", &["price_storage"], false),
            "enterprise",
            "sub_1",
        ),
        ("first seen: only an add-on was paid", first_seen(&["price_storage"]), "free", "-"),
        ("first seen: a plan was paid", first_seen(&["price_pro"]), "pro", "sub_1"),
    ]);
}
