//! Tests of the owner of a subscription, from the event to Clerk's record.

use crate::harness::{
    FORMER_MARK_KEY, FakeMetadata, Model, OWNER_FROM_KEY, OWNER_KEY, Presence, START_S, signed,
};
use serde_json::json;

const USER_1: (&str, &str) = ("clerk_user_id", "user_1");
const USER_2: (&str, &str) = ("clerk_user_id", "user_2");
const ORG_1: (&str, &str) = ("clerk_org_id", "org_1");

fn model() -> Model {
    let mut model = Model::new();
    ["user_1", "user_2", "org_1"].iter().for_each(|subject| model.world.clerk.add(subject));
    model
}

fn plans(model: &Model) -> [&str; 3] {
    ["user_1", "user_2", "org_1"].map(|subject| model.plan(subject).unwrap_or("none"))
}

#[test]
fn two_customers_of_one_user_count_together() {
    let mut model = model();
    let stripe = &mut model.world.stripe;
    stripe.add_customer("cus_1", &[USER_1]);
    stripe.add_customer("cus_2", &[USER_1]);
    stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    stripe.add_subscription("sub_2", "cus_2", "price_ent", &[]);
    model.deliver_from(0);
    assert_eq!(plans(&model), ["enterprise", "none", "none"]);
    assert_eq!(model.world.clerk.subjects["user_1"].customers("stripe_customers"), ["cus_1", "cus_2"]);
    let event = model.world.stripe.set_status("sub_2", "canceled").unwrap();
    model.deliver_from(event);
    assert_eq!(plans(&model), ["pro", "none", "none"], "the other customer's plan is left");
    let event = model.world.stripe.set_status("sub_1", "canceled").unwrap();
    model.deliver_from(event);
    assert_eq!(plans(&model), ["free", "none", "none"]);
}

#[test]
fn one_customer_pays_for_a_users_plan_and_an_organizations() {
    let mut model = model();
    let stripe = &mut model.world.stripe;
    stripe.add_customer("cus_1", &[USER_1]);
    stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    stripe.add_subscription("sub_2", "cus_1", "price_ent", &[ORG_1, USER_1]);
    model.deliver_from(0);
    assert_eq!(plans(&model), ["pro", "none", "enterprise"]);
    let event = model.world.stripe.set_status("sub_2", "canceled").unwrap();
    model.deliver_from(event);
    assert_eq!(plans(&model), ["pro", "none", "free"]);
}

#[test]
fn the_former_owner_loses_a_subscription_that_moved() {
    // The owner is named on the subscription, then on the customer.
    let mut moved = model();
    moved.world.stripe.add_customer("cus_1", &[]);
    moved.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[USER_1]);
    moved.deliver_from(0);
    let event = moved.world.stripe.change_subscription("sub_1", |s| s.metadata = [USER_2].map(owned).into());
    moved.deliver_from(event.unwrap());
    assert_eq!(plans(&moved), ["free", "pro", "none"], "named on the subscription");

    let mut moved = model();
    moved.world.stripe.add_customer("cus_1", &[USER_1]);
    moved.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    moved.deliver_from(0);
    let event =
        moved.world.stripe.change_customer("cus_1", |metadata| *metadata = [USER_2].map(owned).into());
    moved.deliver_from(event.unwrap());
    assert_eq!(plans(&moved), ["free", "pro", "none"], "named on the customer");
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn the_customers_owner_loses_a_subscription_that_names_another() {
    let mut model = model();
    model.world.stripe.add_customer("cus_1", &[USER_1]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    model.deliver_from(0);
    // The event shows no previous owner, because the subscription did not name one.
    let event = model.world.stripe.change_subscription("sub_1", |s| s.metadata = [ORG_1].map(owned).into());
    model.deliver_from(event.unwrap());
    assert_eq!(plans(&model), ["free", "none", "pro"]);
}

#[test]
fn the_owner_of_a_session_is_noted_on_the_subscription_only() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], [&'static str; 2]);
    let cases: [Case; 2] = [
        ("metadata takes precedence over the reference", &[USER_1], ["user_1", "session_metadata"]),
        ("only the reference", &[], ["user_2", "client_reference_id"]),
    ];
    for (why, metadata, [owner, from]) in cases {
        let mut model = model();
        model.world.stripe.add_customer("cus_1", &[]);
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
        model.world.stripe.add_session("sub_1", metadata, Some("user_2"));
        model.deliver_from(0);
        assert_eq!(model.plan(owner), Some("pro"), "{why}");
        assert_eq!(plans(&model).iter().filter(|plan| **plan == "pro").count(), 1, "{why}");
        let want = [(OWNER_KEY, owner), (OWNER_FROM_KEY, from)].map(owned).into();
        assert_eq!(model.world.stripe.subscriptions["sub_1"].metadata, want, "{why}");
        assert!(model.world.stripe.customers["cus_1"].metadata.is_empty(), "{why}");
    }
}

#[test]
fn a_reference_counts_only_if_the_configuration_permits_it() {
    let mut model = Model::configured(json!({"client_reference_id": false}));
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    let event = model.world.stripe.add_session("sub_1", &[], Some("user_1"));
    assert_eq!(model.deliver(event).body["status"], "no_subject");
    assert_eq!(model.world.clerk.writes, 0);
}

#[test]
fn a_deleted_customer_counts_as_empty() {
    for presence in [Presence::DeletedAndListed, Presence::DeletedAndMissing] {
        let mut model = model();
        model.world.stripe.add_customer("cus_1", &[USER_1]);
        model.world.stripe.add_customer("cus_2", &[USER_1]);
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_ent", &[]);
        model.world.stripe.add_subscription("sub_2", "cus_2", "price_pro", &[]);
        model.deliver_from(0);
        assert_eq!(plans(&model)[0], "enterprise");
        let first = model.world.stripe.events.len();
        model.world.stripe.delete_customer("cus_1", presence);
        model.deliver_from(first);
        assert_eq!(plans(&model)[0], "pro", "{presence:?}");
    }
}

#[test]
fn an_event_of_the_other_modes_customer_means_that_the_key_is_wrong() {
    let mut model = model();
    model.world.stripe.add_customer("cus_1", &[USER_1]);
    let event =
        model.world.stripe.change_customer("cus_1", |metadata| drop(metadata.insert("x".into(), "y".into())));
    model.world.stripe.customers.get_mut("cus_1").unwrap().presence = Presence::OtherMode;
    assert_eq!(model.deliver(event.unwrap()).response(), (500, "bad_credentials"));
    assert_eq!(model.world.clerk.writes, 0);
}

#[test]
fn a_subject_that_an_attacker_names_loses_nothing() {
    // A manually granted plan, and one that the victim pays for.
    let manual_plan = json!({"plan": "enterprise"});
    let mut model = model();
    model.world.clerk.add_with("user_1", manual_plan, json!({}));
    model.world.stripe.add_customer("cus_s", &[]);
    model.world.stripe.add_subscription("sub_s", "cus_s", "price_pro", &[]);
    model.world.stripe.add_session("sub_s", &[], Some("user_1"));
    model.deliver_from(0);
    assert_eq!(plans(&model)[0], "enterprise", "the manually granted plan is kept");
    let event = model.world.stripe.set_price("sub_s", "price_new").unwrap();
    model.deliver_from(event);
    let event = model.world.stripe.set_status("sub_s", "canceled").unwrap();
    model.deliver_from(event);
    assert_eq!(plans(&model)[0], "enterprise");
}

#[test]
fn a_subject_that_an_attacker_named_loses_nothing_by_a_move() {
    // The owner was noted by this release, or by the previous one, whose mark may stay.
    for (former, clear_the_mark) in [(false, false), (true, false), (true, true)] {
        let mut model = model();
        model.world.clerk.add_with("user_1", json!({"plan": "enterprise"}), json!({}));
        model.world.stripe.add_customer("cus_s", &[]);
        model.world.stripe.add_subscription("sub_s", "cus_s", "price_pro", &[]);
        model.world.stripe.add_session("sub_s", &[], Some("user_1"));
        model.deliver_from(0);
        if former {
            let noted = [USER_1, (FORMER_MARK_KEY, "client_reference_id")].map(owned).into();
            model.world.stripe.subscriptions.get_mut("sub_s").unwrap().metadata = noted;
        }
        let event = model.world.stripe.change_subscription("sub_s", |subscription| {
            subscription.metadata.extend([USER_2].map(owned));
            if clear_the_mark {
                subscription.metadata.remove(FORMER_MARK_KEY);
            }
        });
        model.deliver_from(event.unwrap());
        assert_eq!(plans(&model), ["enterprise", "pro", "none"], "{former}, mark cleared: {clear_the_mark}");
    }
}

#[test]
fn an_invalid_id_names_no_owner_and_raises_an_alarm() {
    for value in ["user_1/../user_2", "acme", "org_1", "user_", "user_1\n"] {
        let mut model = model();
        model.world.stripe.add_customer("cus_1", &[]);
        let event =
            model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[("clerk_user_id", value)]);
        let delivered = model.deliver(event);
        assert_eq!(delivered.response(), (200, "no_subject"), "{value}");
        assert_eq!(delivered.alarm("invalid_subject_id")["object"], "sub_1", "{value}");
        assert!(delivered.sent.iter().all(|(_, line)| !line.contains("/users/")), "{value}");
    }
}

#[test]
fn a_subject_named_only_in_the_event_gets_no_plan() {
    let mut model = model();
    model.world.stripe.add_customer("cus_1", &[]);
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[USER_1]);
    let body = model.world.stripe.events[event].body.replace("user_1", "user_2");
    let delivered = model.send(&signed(&body, START_S));
    assert_eq!(delivered.response(), (200, "processed"));
    assert_eq!(plans(&model), ["pro", "free", "none"]);
}

#[test]
fn a_missing_subject_is_an_alarm_also_if_others_exist() {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.clock_s = START_S - 3 * 86_400;
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[("clerk_user_id", "user_1")]);
    let gone = [("clerk_user_id", "user_9")];
    model.world.stripe.add_subscription("sub_9", "cus_1", "price_pro", &gone);
    let change = |found: &mut FakeMetadata| drop(found.insert("a".into(), "b".into()));
    let event = model.world.stripe.change_customer("cus_1", change).unwrap();
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("pro")));
    let alarms: Vec<_> = delivered.lines.iter().filter(|line| line["alarm"] == "subject_gone").collect();
    assert_eq!((alarms.len(), &alarms[0]["subject"]), (1, &serde_json::json!("user_9")));
    assert_eq!(alarms[0]["object"], "sub_9", "not the customer that the event is about");
    // A deleted user without a live subscription is ignored.
    model.world.stripe.set_status("sub_9", "canceled");
    let change = |found: &mut FakeMetadata| drop(found.insert("a".into(), "c".into()));
    let event = model.world.stripe.change_customer("cus_1", change).unwrap();
    assert_eq!(model.deliver(event).alarms(), [""; 0]);
}
