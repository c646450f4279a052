//! The plan from before an attacker's payment link raised it comes back when that subscription ends.

use crate::harness::{Model, document, document_with_plans};
use serde_json::{Value, json};
use tollgate_core::backfill::Intent;

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

/// Creates a victim with a manually granted plan.
fn victim(plan: Value) -> Model {
    let mut model = Model::new();
    model.world.clerk.add_with("user_1", json!({"plan": plan}), json!({}));
    model
}

/// Creates an attacker's subscription of this price, whose payment link names the victim.
fn buy(model: &mut Model, id: &str, price: &str) {
    let first = model.world.stripe.events.len();
    let customer = id.replace("sub", "cus");
    model.world.stripe.add_customer(&customer, &[]);
    model.world.stripe.add_subscription(id, &customer, price, &[]);
    model.world.stripe.add_session(id, &[], Some("user_1"));
    model.deliver_from(first);
}

fn price(model: &mut Model, id: &str, price: &str) {
    let event = model.world.stripe.set_price(id, price).unwrap();
    model.deliver_from(event);
}

fn status(model: &mut Model, id: &str, status: &'static str) {
    let event = model.world.stripe.set_status(id, status).unwrap();
    model.deliver_from(event);
}

/// Returns the plan, the subscription that granted it, and the plan before it.
fn shows(model: &Model) -> (&str, &str, Value) {
    let subject = &model.world.clerk.subjects["user_1"];
    let before = subject.private.get("plan_before").cloned().unwrap_or_default();
    (subject.plan().unwrap_or("-"), subject.granted_by().unwrap_or("-"), before)
}

fn before(subscription: &str, plan: &str) -> Value {
    json!({"subscription": subscription, "plan": plan})
}

/// Returns the source of the plan, and the plan beside it.
fn sources(model: &Model) -> (Value, Value) {
    let member =
        |name: &str| model.world.clerk.subjects["user_1"].private.get(name).cloned().unwrap_or_default();
    (member("plan_source"), member("plan_beside"))
}

/// Returns the plan of Clerk Billing beside that of `sub_1`; the default plan is not recorded.
fn beside(plan: &str) -> Value {
    match plan {
        "free" => Value::Null,
        plan => json!({"source": "clerk_billing", "plan": plan, "subscription": "sub_1"}),
    }
}

#[test]
fn an_attacker_who_raises_and_cancels_leaves_the_plan_before() {
    let mut model = victim(json!("pro"));
    buy(&mut model, "sub_s", "price_ent");
    assert_eq!(shows(&model), ("enterprise", "sub_s", before("sub_s", "pro")));
    let event = model.world.stripe.set_status("sub_s", "canceled").unwrap();
    let delivered = model.deliver(event);
    assert_eq!(shows(&model), ("pro", "-", Value::Null));
    let audit = delivered.audit();
    assert_eq!(
        (audit.len(), &audit[0]["audit"], &audit[0]["new_plan"]),
        (1, &json!("downgraded"), &json!("pro"))
    );
    // No trace of the attacker's subscription is left.
    let subject = &model.world.clerk.subjects["user_1"];
    assert!(subject.public.get("subscription").is_none_or(|note| note == &json!({})), "{:?}", subject.public);
    let writes = model.world.clerk.writes;
    model.sync_all(Intent::Apply).unwrap();
    model.deliver(event);
    assert_eq!(
        (shows(&model), model.world.clerk.writes),
        (("pro", "-", Value::Null), writes),
        "and it stays"
    );
}

#[test]
fn several_changes_lead_back_to_the_plan_before() {
    type Step = fn(&mut Model);
    let ways: [(&str, &[Step]); 6] = [
        (
            "up, down to less than was there, and up again",
            &[
                |b| buy(b, "sub_s", "price_ent"),
                |b| price(b, "sub_s", "price_free"),
                |b| price(b, "sub_s", "price_ent"),
                |b| status(b, "sub_s", "canceled"),
            ],
        ),
        (
            "one after the other",
            &[
                |b| buy(b, "sub_s", "price_ent"),
                |b| status(b, "sub_s", "canceled"),
                |b| buy(b, "sub_t", "price_ent"),
                |b| status(b, "sub_t", "unpaid"),
            ],
        ),
        (
            "in parallel",
            &[
                |b| buy(b, "sub_s", "price_ent"),
                |b| buy(b, "sub_a", "price_ent"),
                |b| status(b, "sub_s", "canceled"),
                |b| status(b, "sub_a", "canceled"),
            ],
        ),
        (
            "in the other order",
            &[
                |b| buy(b, "sub_s", "price_ent"),
                |b| buy(b, "sub_a", "price_ent"),
                |b| status(b, "sub_a", "canceled"),
                |b| status(b, "sub_s", "canceled"),
            ],
        ),
        (
            "a failed payment",
            &[
                |b| buy(b, "sub_s", "price_ent"),
                |b| {
                    let first = b.world.stripe.events.len();
                    b.world.stripe.fail_payment("sub_s", "subscription_cycle");
                    b.deliver_from(first);
                },
                |b| status(b, "sub_s", "canceled"),
            ],
        ),
        (
            "the command in between",
            &[
                |b| buy(b, "sub_s", "price_ent"),
                |b| drop(b.sync_all(Intent::Apply).unwrap()),
                |b| drop(b.sync_subject("user_1", Intent::Apply)),
                |b| status(b, "sub_s", "canceled"),
                |b| drop(b.sync_all(Intent::Apply).unwrap()),
            ],
        ),
    ];
    for (why, steps) in ways {
        for plan in ["pro", "platinum"] {
            let mut model = victim(json!(plan));
            steps.iter().for_each(|step| step(&mut model));
            assert_eq!(shows(&model), (plan, "-", Value::Null), "{why}");
        }
    }
}

#[test]
fn a_plan_before_that_is_not_configured_is_restored() {
    // A gateway that sells Pro let the attacker raise it; one that does not sells Enterprise too.
    let without_pro = || document_with_plans(|plan| plan != "pro", Value::Null);
    let mut model = victim(json!("pro"));
    buy(&mut model, "sub_s", "price_ent");
    model.roll_out(&without_pro());
    let event = model.world.stripe.change_subscription("sub_s", |s| s.cancel_at_period_end = true).unwrap();
    model.deliver_from(event);
    assert_eq!(shows(&model), ("enterprise", "sub_s", before("sub_s", "pro")));
    let event = model.world.stripe.set_status("sub_s", "canceled").unwrap();
    let delivered = model.deliver(event);
    assert_eq!(shows(&model), ("pro", "-", Value::Null));
    assert!(delivered.alarms().contains(&"unknown_plan"));
}

#[test]
fn what_the_merchant_names_or_gives_by_hand_later_counts() {
    // The victim buys for itself.
    let mut model = victim(json!("pro"));
    buy(&mut model, "sub_s", "price_ent");
    model.world.stripe.add_customer("cus_1", &[]);
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
    model.deliver_from(event);
    assert_eq!(shows(&model), ("enterprise", "sub_s", Value::Null), "the merchant's word is the floor now");
    status(&mut model, "sub_s", "canceled");
    assert_eq!(shows(&model), ("pro", "sub_1", Value::Null));
    status(&mut model, "sub_1", "canceled");
    assert_eq!(shows(&model), ("free", "-", Value::Null), "a real end");
    // Another program writes another plan, and clears the recorded subscription.
    let mut model = victim(json!("pro"));
    buy(&mut model, "sub_s", "price_pro");
    price(&mut model, "sub_s", "price_ent");
    let subject = model.world.clerk.subjects.get_mut("user_1").unwrap();
    subject.public["plan"] = json!("platinum");
    subject.private.as_object_mut().unwrap().remove("stripe_subscription");
    status(&mut model, "sub_s", "canceled");
    assert_eq!(shows(&model), ("platinum", "-", Value::Null));
}

#[test]
fn without_a_plan_before_nothing_is_restored() {
    for plan in [Value::Null, json!("free")] {
        let mut model = victim(plan);
        buy(&mut model, "sub_s", "price_ent");
        assert_eq!(shows(&model), ("enterprise", "sub_s", Value::Null));
        status(&mut model, "sub_s", "canceled");
        assert_eq!(shows(&model), ("free", "-", Value::Null));
    }
}

#[test]
fn a_plan_of_a_source_that_is_not_read_is_raised_and_never_lowered() {
    let of_billing = |plan: &str| {
        let mut model = Model::new();
        model.world.clerk.add_with("user_1", json!({"plan": plan}), json!({"plan_source": "clerk_billing"}));
        model.world.stripe.add_customer("cus_1", &USER);
        model
    };
    // A subscription that the merchant's metadata names sells a lower plan, and ends.
    let mut model = of_billing("enterprise");
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    let delivered = model.deliver_from(event);
    assert_eq!(shows(&model), ("enterprise", "sub_1", Value::Null));
    let of_stripe = json!({"source": "stripe", "plan": "pro", "subscription": "sub_1"});
    assert_eq!(sources(&model), (json!("clerk_billing"), of_stripe));
    assert!(delivered.alarms().contains(&"unread_plan_source"), "{:?}", delivered.alarms());
    status(&mut model, "sub_1", "canceled");
    model.sync_all(Intent::Apply).unwrap();
    model.sync_customer("cus_1", Intent::Apply);
    assert_eq!(shows(&model), ("enterprise", "-", Value::Null));
    // One that pays for more, and ends.
    for plan in ["pro", "free"] {
        let mut model = of_billing(plan);
        let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_ent", &[]);
        let delivered = model.deliver_from(event);
        assert_eq!(shows(&model), ("enterprise", "sub_1", Value::Null));
        assert_eq!(sources(&model), (json!("stripe"), beside(plan)));
        assert!(!delivered.alarms().contains(&"unread_plan_source"));
        let event = model.world.stripe.set_status("sub_1", "canceled").unwrap();
        let delivered = model.deliver_from(event);
        assert_eq!(shows(&model), (plan, "-", Value::Null));
        let is_paid = plan != "free";
        let source = if is_paid { json!("clerk_billing") } else { Value::Null };
        assert_eq!(sources(&model), (source, Value::Null));
        assert_eq!(delivered.alarms().contains(&"unread_plan_source"), is_paid);
    }
    // Raised by a release that does not know the source.
    let mut model = of_billing("enterprise");
    model.world.clerk.subjects.get_mut("user_1").unwrap().private["stripe_subscription"] = json!("sub_9");
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    model.deliver_from(event);
    assert_eq!(shows(&model).0, "enterprise");
    // Stripe's own is lowered as ever.
    let mut model = of_billing("enterprise");
    model.world.clerk.subjects.get_mut("user_1").unwrap().private["plan_source"] = json!("stripe");
    model.roll_out(&document(Value::Null));
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    model.deliver_from(event);
    assert_eq!(shows(&model).0, "pro");
}

#[test]
fn an_attacker_does_not_revive_an_ended_subscription_of_the_victim() {
    // The victim had its own subscription once; then an operator granted a plan manually.
    let ended = || {
        let mut model = victim(json!("free"));
        model.world.stripe.add_customer("cus_1", &[]);
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
        model.deliver_from(0);
        status(&mut model, "sub_1", "canceled");
        model.world.clerk.subjects.get_mut("user_1").unwrap().public["plan"] = json!("pro");
        model
    };
    let mut model = ended();
    buy(&mut model, "sub_s", "price_free");
    assert_eq!(shows(&model), ("pro", "-", Value::Null), "a newsletter that names the victim");
    let mut model = ended();
    buy(&mut model, "sub_s", "price_ent");
    assert_eq!(shows(&model), ("enterprise", "sub_s", before("sub_s", "pro")));
    status(&mut model, "sub_s", "canceled");
    assert_eq!(shows(&model), ("pro", "-", Value::Null));
}
