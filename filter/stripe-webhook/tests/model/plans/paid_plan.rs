//! Tests that a past-due subscription grants at most the plan that it granted when it was last paid.

use crate::harness::{Model, START_S, Stripe, document_with_plans};
use serde_json::{Value, json};
use tollgate_core::backfill::Intent;

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

/// Creates a user with an active subscription of this price.
fn model(price: &str) -> Model {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.clock_s = START_S - 60;
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", price, &USER);
    model.deliver_from(0);
    model
}

fn after<T>(model: &mut Model, change: impl FnOnce(&mut Stripe) -> T) {
    let first = model.world.stripe.events.len();
    let _ = change(&mut model.world.stripe);
    model.deliver_from(first);
}

/// Removes the lines of all invoices, as if an invoice had more lines than Stripe shows.
fn without_lines(model: &mut Model) {
    model.world.stripe.invoices.iter_mut().for_each(|invoice| invoice.prices.clear());
}

fn shows(model: &Model) -> (&str, &str) {
    let subject = &model.world.clerk.subjects["user_1"];
    (subject.plan().unwrap_or("-"), subject.granted_by().unwrap_or("-"))
}

fn private<'a>(model: &'a Model, name: &str) -> &'a Value {
    model.world.clerk.subjects["user_1"].private.get(name).unwrap_or(&Value::Null)
}

#[test]
fn an_upgrade_during_a_failed_payment_grants_no_higher_plan() {
    for lines in [true, false] {
        let mut model = model("price_pro");
        assert_eq!(private(&model, "paid_plan"), &json!({"subscription": "sub_1", "plan": "pro"}));
        after(&mut model, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
        if !lines {
            without_lines(&mut model);
        }
        // This creates no invoice: Stripe adds the difference to the next one.
        after(&mut model, |stripe| stripe.set_price("sub_1", "price_ent"));
        assert_eq!(shows(&model), ("pro", "sub_1"), "lines: {lines}");
        model.sync_all(Intent::Apply).unwrap();
        assert_eq!(shows(&model), ("pro", "sub_1"), "lines: {lines}");
        after(&mut model, |stripe| stripe.set_status("sub_1", "active"));
        assert_eq!(shows(&model), ("enterprise", "sub_1"), "paid: {lines}");
        assert_eq!(private(&model, "paid_plan"), &json!({"subscription": "sub_1", "plan": "enterprise"}));
    }
}

#[test]
fn other_subscriptions_do_not_raise_a_past_due_one() {
    for lines in [true, false] {
        let mut model = model("price_pro");
        after(&mut model, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
        if !lines {
            without_lines(&mut model);
        }
        after(&mut model, |stripe| stripe.set_price("sub_1", "price_ent"));
        after(&mut model, |stripe| stripe.add_subscription("sub_2", "cus_1", "price_ent", &USER));
        assert_eq!(shows(&model), ("enterprise", "sub_2"), "lines: {lines}");
        assert_eq!(private(&model, "paid_plan"), &json!({"subscription": "sub_2", "plan": "enterprise"}));
        assert_eq!(private(&model, "paid_plans"), &json!({"sub_1": "pro"}));
        after(&mut model, |stripe| stripe.set_status("sub_2", "canceled"));
        assert_eq!(shows(&model), ("pro", "sub_1"), "neither what was not paid nor less than was: {lines}");
        assert_eq!(private(&model, "paid_plan"), &json!({"subscription": "sub_1", "plan": "pro"}));
        after(&mut model, |stripe| stripe.set_status("sub_1", "canceled"));
        assert_eq!(shows(&model), ("free", "-"));
        assert_eq!(private(&model, "paid_plan"), &Value::Null);
    }
}

#[test]
fn a_past_due_subscription_that_never_granted_is_capped_too() {
    let mut model = model("price_ent");
    after(&mut model, |stripe| stripe.add_subscription("sub_2", "cus_1", "price_pro", &USER));
    after(&mut model, |stripe| stripe.fail_payment("sub_2", "subscription_update"));
    after(&mut model, |stripe| stripe.set_price("sub_2", "price_ent"));
    after(&mut model, |stripe| stripe.set_status("sub_1", "canceled"));
    assert_eq!(shows(&model), ("pro", "sub_2"));
}

#[test]
fn a_record_of_the_release_before_keeps_working() {
    let old = |plan: &str, status: &str| {
        let mut model = model("price_pro");
        after(&mut model, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
        without_lines(&mut model);
        let subject = model.world.clerk.subjects.get_mut("user_1").unwrap();
        subject.private.as_object_mut().unwrap().remove("paid_plan");
        subject.public["plan"] = json!(plan);
        subject.public["subscription"]["status"] = json!(status);
        model
    };
    let mut model = old("pro", "past_due");
    after(&mut model, |stripe| stripe.set_price("sub_1", "price_ent"));
    assert_eq!(shows(&model), ("pro", "sub_1"), "the recorded plan is the plan that it granted");
    // An upgrade was paid while that release ran. It did not update the note.
    let mut model = old("enterprise", "active");
    model.world.clerk.subjects.get_mut("user_1").unwrap().private["paid_plan"] =
        json!({"subscription": "sub_1", "plan": "pro"});
    after(&mut model, |stripe| stripe.set_price("sub_1", "price_ent"));
    assert_eq!(shows(&model), ("enterprise", "sub_1"), "an outdated note does not lower the plan");
    // A note about another subscription is ignored.
    let mut model = old("pro", "past_due");
    model.world.clerk.subjects.get_mut("user_1").unwrap().private["paid_plan"] =
        json!({"subscription": "sub_9", "plan": "enterprise"});
    after(&mut model, |stripe| stripe.set_price("sub_1", "price_ent"));
    assert_eq!(shows(&model), ("pro", "sub_1"));
}

#[test]
fn a_downgrade_counts_while_past_due_and_first_syncs_grant_what_is_sold() {
    let mut model = model("price_ent");
    after(&mut model, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
    assert_eq!(shows(&model), ("enterprise", "sub_1"));
    after(&mut model, |stripe| stripe.set_price("sub_1", "price_pro"));
    assert_eq!(shows(&model), ("pro", "sub_1"));
    // A subscription that was past due before the gateway was installed grants the plan that it sells.
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.clock_s = START_S - 60;
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
    model.world.stripe.fail_payment("sub_1", "subscription_cycle");
    model.sync_all(Intent::Apply).unwrap();
    assert_eq!(shows(&model), ("pro", "sub_1"));
}

#[test]
fn an_invoice_for_something_else_removes_no_plan() {
    // An add-on was changed, or is invoiced more often than the plan, and that was not paid.
    for reason in ["subscription_update", "subscription_cycle", "subscription_threshold"] {
        let mut model = model("price_ent");
        let both = || vec!["price_ent".to_owned(), "price_addon".to_owned()];
        after(&mut model, |stripe| stripe.change_subscription("sub_1", |found| found.prices = both()));
        after(&mut model, |stripe| {
            stripe.fail_payment("sub_1", reason);
            stripe.invoices.last_mut().unwrap().prices = vec!["price_addon".to_owned()];
        });
        assert_eq!(shows(&model), ("enterprise", "sub_1"), "{reason}");
        after(&mut model, |stripe| stripe.change_subscription("sub_1", |found| found.period_end_s += 1));
        assert_eq!(shows(&model), ("enterprise", "sub_1"), "{reason}");
    }
    // A past-due subscription that only pays for add-ons buys no plan.
    let mut model = model("price_addon");
    after(&mut model, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
    after(&mut model, |stripe| stripe.set_price("sub_1", "price_ent"));
    assert_eq!(shows(&model).0, "free");
}

#[test]
fn a_later_invoice_that_is_not_paid_either_raises_nothing() {
    let mut model = model("price_pro");
    after(&mut model, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
    after(&mut model, |stripe| stripe.set_price("sub_1", "price_ent"));
    // The next renewal fails too, and the first invoice is given up.
    after(&mut model, |stripe| {
        stripe.fail_payment("sub_1", "subscription_cycle");
        stripe.invoices[0].status = "uncollectible";
        stripe.change_subscription("sub_1", |found| found.period_end_s += 1)
    });
    assert_eq!(shows(&model), ("pro", "sub_1"));
    after(&mut model, |stripe| stripe.set_status("sub_1", "active"));
    assert_eq!(shows(&model), ("enterprise", "sub_1"), "paid");
}

#[test]
fn a_failed_card_buys_nothing_in_place_of_a_plan_no_longer_sold() {
    for setting in [json!({"grace_days": 14}), json!("keep")] {
        let mut model = model("price_pro");
        let without_pro = document_with_plans(|plan| plan != "pro", json!({"past_due": setting}));
        model.roll_out(&without_pro);
        after(&mut model, |stripe| stripe.fail_payment("sub_1", "subscription_cycle"));
        after(&mut model, |stripe| stripe.set_price("sub_1", "price_ent"));
        assert_eq!(shows(&model), ("pro", "sub_1"), "{setting}");
        after(&mut model, |stripe| stripe.set_status("sub_1", "active"));
        assert_eq!(shows(&model), ("enterprise", "sub_1"), "paid");
    }
}
