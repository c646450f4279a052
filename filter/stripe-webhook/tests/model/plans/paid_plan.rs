//! While a subscription is past due it grants at most what it granted when it was last paid.

use crate::harness::{Bench, START_S, Stripe, document_with_plans};
use serde_json::{Value, json};
use tollgate_core::backfill::Intent;

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

/// A user with an active subscription of that price.
fn bench(price: &str) -> Bench {
    let mut bench = Bench::new();
    bench.world.clerk.add("user_1");
    bench.world.stripe.clock_s = START_S - 60;
    bench.world.stripe.add_customer("cus_1", &[]);
    bench.world.stripe.add_subscription("sub_1", "cus_1", price, &USER);
    bench.deliver_from(0);
    bench
}

fn after<T>(bench: &mut Bench, change: impl FnOnce(&mut Stripe) -> T) {
    let first = bench.world.stripe.events.len();
    let _ = change(&mut bench.world.stripe);
    bench.deliver_from(first);
}

/// Stripe shows no lines, as where they are more than it shows at once.
fn without_lines(bench: &mut Bench) {
    bench.world.stripe.invoices.iter_mut().for_each(|invoice| invoice.prices.clear());
}

fn shows(bench: &Bench) -> (&str, &str) {
    let subject = &bench.world.clerk.subjects["user_1"];
    (subject.plan().unwrap_or("-"), subject.granted_by().unwrap_or("-"))
}

fn private<'a>(bench: &'a Bench, name: &str) -> &'a Value {
    bench.world.clerk.subjects["user_1"].private.get(name).unwrap_or(&Value::Null)
}

#[test]
fn a_card_that_failed_buys_no_higher_plan() {
    for lines in [true, false] {
        let mut bench = bench("price_pro");
        assert_eq!(private(&bench, "paid_plan"), &json!({"subscription": "sub_1", "plan": "pro"}));
        after(&mut bench, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
        if !lines {
            without_lines(&mut bench);
        }
        // Without an invoice: the difference is put on the next one.
        after(&mut bench, |stripe| stripe.set_price("sub_1", "price_ent"));
        assert_eq!(shows(&bench), ("pro", "sub_1"), "lines: {lines}");
        bench.sync_all(Intent::Apply).unwrap();
        assert_eq!(shows(&bench), ("pro", "sub_1"), "lines: {lines}");
        after(&mut bench, |stripe| stripe.set_status("sub_1", "active"));
        assert_eq!(shows(&bench), ("enterprise", "sub_1"), "paid: {lines}");
        assert_eq!(private(&bench, "paid_plan"), &json!({"subscription": "sub_1", "plan": "enterprise"}));
    }
}

#[test]
fn what_other_subscriptions_do_meanwhile_changes_nothing_about_that() {
    for lines in [true, false] {
        let mut bench = bench("price_pro");
        after(&mut bench, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
        if !lines {
            without_lines(&mut bench);
        }
        after(&mut bench, |stripe| stripe.set_price("sub_1", "price_ent"));
        after(&mut bench, |stripe| stripe.add_subscription("sub_2", "cus_1", "price_ent", &USER));
        assert_eq!(shows(&bench), ("enterprise", "sub_2"), "lines: {lines}");
        assert_eq!(private(&bench, "paid_plan"), &json!({"subscription": "sub_2", "plan": "enterprise"}));
        assert_eq!(private(&bench, "paid_plans"), &json!({"sub_1": "pro"}));
        after(&mut bench, |stripe| stripe.set_status("sub_2", "canceled"));
        assert_eq!(shows(&bench), ("pro", "sub_1"), "neither what was not paid nor less than was: {lines}");
        assert_eq!(private(&bench, "paid_plan"), &json!({"subscription": "sub_1", "plan": "pro"}));
        after(&mut bench, |stripe| stripe.set_status("sub_1", "canceled"));
        assert_eq!(shows(&bench), ("free", "-"));
        assert_eq!(private(&bench, "paid_plan"), &Value::Null);
    }
}

#[test]
fn one_that_never_granted_is_held_to_what_it_was_paid_for_as_well() {
    let mut bench = bench("price_ent");
    after(&mut bench, |stripe| stripe.add_subscription("sub_2", "cus_1", "price_pro", &USER));
    after(&mut bench, |stripe| stripe.fail_payment("sub_2", "subscription_update"));
    after(&mut bench, |stripe| stripe.set_price("sub_2", "price_ent"));
    after(&mut bench, |stripe| stripe.set_status("sub_1", "canceled"));
    assert_eq!(shows(&bench), ("pro", "sub_2"));
}

#[test]
fn a_record_of_the_release_before_keeps_working() {
    let old = |plan: &str, status: &str| {
        let mut bench = bench("price_pro");
        after(&mut bench, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
        without_lines(&mut bench);
        let subject = bench.world.clerk.subjects.get_mut("user_1").unwrap();
        subject.private.as_object_mut().unwrap().remove("paid_plan");
        subject.public["plan"] = json!(plan);
        subject.public["subscription"]["status"] = json!(status);
        bench
    };
    let mut bench = old("pro", "past_due");
    after(&mut bench, |stripe| stripe.set_price("sub_1", "price_ent"));
    assert_eq!(shows(&bench), ("pro", "sub_1"), "the plan on record is what it granted");
    // It was paid for more while that release ran, which left the note as it was.
    let mut bench = old("enterprise", "active");
    bench.world.clerk.subjects.get_mut("user_1").unwrap().private["paid_plan"] =
        json!({"subscription": "sub_1", "plan": "pro"});
    after(&mut bench, |stripe| stripe.set_price("sub_1", "price_ent"));
    assert_eq!(shows(&bench), ("enterprise", "sub_1"), "nothing that is left over lowers it");
    // A note beside another subscription says nothing.
    let mut bench = old("pro", "past_due");
    bench.world.clerk.subjects.get_mut("user_1").unwrap().private["paid_plan"] =
        json!({"subscription": "sub_9", "plan": "enterprise"});
    after(&mut bench, |stripe| stripe.set_price("sub_1", "price_ent"));
    assert_eq!(shows(&bench), ("pro", "sub_1"));
}

#[test]
fn a_downgrade_counts_while_late_and_a_late_payer_from_the_first_day() {
    let mut bench = bench("price_ent");
    after(&mut bench, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
    assert_eq!(shows(&bench), ("enterprise", "sub_1"));
    after(&mut bench, |stripe| stripe.set_price("sub_1", "price_pro"));
    assert_eq!(shows(&bench), ("pro", "sub_1"));
    // Everyone who was late when the gateway was put there keeps what was sold.
    let mut bench = Bench::new();
    bench.world.clerk.add("user_1");
    bench.world.stripe.clock_s = START_S - 60;
    bench.world.stripe.add_customer("cus_1", &[]);
    bench.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
    bench.world.stripe.fail_payment("sub_1", "subscription_cycle");
    bench.sync_all(Intent::Apply).unwrap();
    assert_eq!(shows(&bench), ("pro", "sub_1"));
}

#[test]
fn an_invoice_for_something_else_takes_nothing_away() {
    // An add-on was changed, or is invoiced more often than the plan, and that was not paid.
    for reason in ["subscription_update", "subscription_cycle", "subscription_threshold"] {
        let mut bench = bench("price_ent");
        let both = || vec!["price_ent".to_owned(), "price_addon".to_owned()];
        after(&mut bench, |stripe| stripe.change_subscription("sub_1", |found| found.prices = both()));
        after(&mut bench, |stripe| {
            stripe.fail_payment("sub_1", reason);
            stripe.invoices.last_mut().unwrap().prices = vec!["price_addon".to_owned()];
        });
        assert_eq!(shows(&bench), ("enterprise", "sub_1"), "{reason}");
        after(&mut bench, |stripe| stripe.change_subscription("sub_1", |found| found.period_end_s += 1));
        assert_eq!(shows(&bench), ("enterprise", "sub_1"), "{reason}");
    }
    // But whoever pays for add-ons alone and is late buys no plan.
    let mut bench = bench("price_addon");
    after(&mut bench, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
    after(&mut bench, |stripe| stripe.set_price("sub_1", "price_ent"));
    assert_eq!(shows(&bench).0, "free");
}

#[test]
fn a_later_invoice_that_is_not_paid_either_raises_nothing() {
    let mut bench = bench("price_pro");
    after(&mut bench, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
    after(&mut bench, |stripe| stripe.set_price("sub_1", "price_ent"));
    // The next renewal fails too, and the first invoice is given up.
    after(&mut bench, |stripe| {
        stripe.fail_payment("sub_1", "subscription_cycle");
        stripe.invoices[0].status = "uncollectible";
        stripe.change_subscription("sub_1", |found| found.period_end_s += 1)
    });
    assert_eq!(shows(&bench), ("pro", "sub_1"));
    after(&mut bench, |stripe| stripe.set_status("sub_1", "active"));
    assert_eq!(shows(&bench), ("enterprise", "sub_1"), "paid");
}

#[test]
fn a_failed_card_buys_nothing_in_place_of_a_plan_no_longer_sold() {
    for setting in [json!({"grace_days": 14}), json!("keep")] {
        let mut bench = bench("price_pro");
        let without_pro = document_with_plans(|plan| plan != "pro", json!({"past_due": setting}));
        bench.roll_out(&without_pro);
        after(&mut bench, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
        after(&mut bench, |stripe| stripe.set_price("sub_1", "price_ent"));
        assert_eq!(shows(&bench), ("pro", "sub_1"), "{setting}");
        after(&mut bench, |stripe| stripe.set_status("sub_1", "active"));
        assert_eq!(shows(&bench), ("enterprise", "sub_1"), "paid");
    }
}
