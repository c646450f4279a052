//! Tests that steps which the plan does not depend on cannot fail the sync: notes, reads whose result is
//! known from another source, and data of other customers.

use crate::harness::{Delivered, FakeResponse, Model, OWNER_FROM_KEY, OWNER_KEY, is_to, metadata};
use serde_json::json;
use tollgate_core::http::Callout;
use tollgate_driver::CalloutResult;

fn model() -> Model {
    let mut model = Model::new();
    ["user_1", "user_2"].iter().for_each(|subject| model.world.clerk.add(subject));
    model.world.stripe.add_customer("cus_1", &[]);
    model
}

/// Creates a purchase of Pro by `user_1`, which only the session names. Returns the number of its event.
fn buy(model: &mut Model) -> usize {
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    model.world.stripe.add_session("sub_1", &[("clerk_user_id", "user_1")], None)
}

fn count(delivered: &Delivered, start: &str) -> usize {
    delivered.sent.iter().filter(|(_, line)| line.starts_with(start)).count()
}

/// Advances the clock so far that a delivery is not a duplicate.
fn later(model: &mut Model) {
    model.world.now = model.world.now.plus(std::time::Duration::from_secs(120));
}

#[test]
fn a_note_that_does_not_fit_the_metadata_is_an_alarm() {
    let mut model = model();
    let full: Vec<(String, String)> = (0..49).map(|n| (format!("key{n}"), "x".to_owned())).collect();
    let event = buy(&mut model);
    model.world.stripe.subscriptions.get_mut("sub_1").unwrap().metadata.extend(full);
    for event in [0, event] {
        let delivered = model.deliver(event);
        assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("pro")));
        assert!(delivered.alarms().contains(&"note_refused"), "{:?}", delivered.alarms());
        assert_eq!(count(&delivered, "POST"), 1, "it is tried once");
    }
    let ended = model.world.stripe.set_status("sub_1", "canceled").unwrap();
    assert_eq!(model.deliver(ended).response(), (200, "processed"));
    assert_eq!(model.plan("user_1"), Some("free"));
    // 48 keys leave room for both of Tollgate's.
    let room = &mut model.world.stripe.subscriptions.get_mut("sub_1").unwrap();
    room.metadata.remove("key0");
    room.status = "active";
    later(&mut model);
    let delivered = model.deliver(ended);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("pro")));
    assert_eq!(delivered.alarms(), [""; 0]);
}

#[test]
fn the_response_does_not_depend_on_the_note() {
    let refused = |status: u16| -> CalloutResult {
        let body = r#"{"error":{"type":"invalid_request_error","message":"no"}}"#;
        FakeResponse::new(status, body.to_owned()).into()
    };
    type Fails = fn(&Callout) -> bool;
    let is_note: Fails = |callout| is_to(callout, "POST", "/v1/subscriptions/");
    let endings = [
        (refused(400), true),
        (refused(401), true),
        (refused(403), true),
        (refused(402), true),
        (refused(409), false),
        (refused(429), false),
        (refused(500), false),
        (CalloutResult::TimedOut, false),
        (CalloutResult::Reset, false),
        (FakeResponse::new(200, "<html>".to_owned()).into(), false),
    ];
    for (ending, alarm) in endings {
        let mut model = model();
        let event = buy(&mut model);
        model.fails_with(is_note, ending.clone());
        let delivered = model.deliver(event);
        assert_eq!(
            (delivered.response(), model.plan("user_1")),
            ((200, "processed"), Some("pro")),
            "{ending:?}"
        );
        assert_eq!(delivered.alarms().contains(&"note_refused"), alarm, "{ending:?}");
        assert_eq!(count(&delivered, "POST"), 1, "{ending:?}: it is tried once in a delivery");
        // The next sync writes only the note, because nothing else differs.
        let again = model.deliver(0);
        assert_eq!((again.response(), count(&again, "POST")), ((200, "processed"), 1), "{ending:?}");
        model.works();
        let event = model.world.stripe.set_price("sub_1", "price_ent").unwrap();
        model.deliver(event);
        let note = metadata(&[(OWNER_KEY, "user_1"), (OWNER_FROM_KEY, "session_metadata")]);
        assert_eq!(model.world.stripe.subscriptions["sub_1"].metadata, note, "{ending:?}");
    }
}

#[test]
fn a_late_note_does_not_fail_the_sync() {
    let mut model = model();
    let event = buy(&mut model);
    model.deliver(event);
    // Only the note is missing.
    model.world.stripe.subscriptions.get_mut("sub_1").unwrap().metadata.clear();
    later(&mut model);
    model.callout_takes = std::time::Duration::from_millis(1_950);
    assert_eq!(model.deliver(event).response(), (200, "processed"));
}

const NO_PERMISSION: &str = r#"{"error":{"type":"invalid_request_error","code":"more_permissions_required",
    "message":"The provided key does not have the required permissions for this endpoint."}}"#;

/// Makes Stripe refuse reads of sessions.
fn without_permission(model: &mut Model) {
    let forbidden = FakeResponse::new(403, NO_PERMISSION.to_owned()).into();
    model.fails_with(|callout| is_to(callout, "GET", "/v1/checkout/sessions"), forbidden);
}

#[test]
fn a_key_that_cannot_read_sessions_suffices_if_the_owner_is_known() {
    let mut model = model();
    without_permission(&mut model);
    let user = [("clerk_user_id", "user_1")];
    let event = model.world.stripe.change_customer("cus_1", |found| *found = metadata(&user)).unwrap();
    model.deliver(event);
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("pro")));
    assert!(delivered.alarms().contains(&"sessions_refused"), "{:?}", delivered.alarms());
    let ended = model.world.stripe.set_status("sub_1", "canceled").unwrap();
    model.deliver(ended);
    assert_eq!(model.plan("user_1"), Some("free"), "a canceled subscription grants nothing");
    // If only a session could name the owner, the sync fails.
    let event = model.world.stripe.add_subscription("sub_2", "cus_1", "price_pro", &[]);
    let checkout = model.world.stripe.add_session("sub_2", &[("clerk_user_id", "user_2")], None);
    assert_eq!(model.deliver(checkout).response(), (500, "bad_credentials"));
    model.world.stripe.customers.get_mut("cus_1").unwrap().metadata.clear();
    assert_eq!(model.deliver(event).response(), (500, "bad_credentials"));
}

#[test]
fn unreadable_sessions_do_not_fail_the_customers_other_subscriptions() {
    let mut model = model();
    let user = [("clerk_user_id", "user_1")];
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &user);
    model.world.stripe.add_subscription("sub_2", "cus_1", "price_free", &[]);
    without_permission(&mut model);
    let event =
        model.world.stripe.change_customer("cus_1", |found| drop(found.insert("a".into(), "b".into())));
    let delivered = model.deliver(event.unwrap());
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("pro")));
    assert!(delivered.alarms().contains(&"sessions_refused"), "{:?}", delivered.alarms());
    // If no owner is named, the sync fails.
    model.world.stripe.set_status("sub_1", "canceled");
    model.world.stripe.subscriptions.get_mut("sub_1").unwrap().metadata.clear();
    let event =
        model.world.stripe.change_customer("cus_1", |found| drop(found.insert("a".into(), "c".into())));
    assert_eq!(model.deliver(event.unwrap()).response(), (500, "bad_credentials"));
}

#[test]
fn a_plan_granted_only_by_a_session_is_kept_while_sessions_are_unreadable() {
    let mut model = model();
    let event = buy(&mut model);
    model.deliver(event);
    model.world.stripe.subscriptions.get_mut("sub_1").unwrap().metadata.clear();
    without_permission(&mut model);
    // Another subscription of the customer names its owner in its own metadata.
    let user = [("clerk_user_id", "user_1")];
    model.world.stripe.add_subscription("sub_2", "cus_1", "price_free", &user);
    let event = model.world.stripe.set_status("sub_2", "trialing").unwrap();
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("pro")));
    let alarm = delivered.alarm("sessions_unread");
    assert_eq!((&alarm["subject"], &alarm["object"]), (&json!("user_1"), &json!("sub_1")));
}

#[test]
fn many_subscriptions_without_an_owner_remove_no_plan() {
    // The customer's metadata names the owner of all of them but one, for which the session names another
    // user.
    let mut model = model();
    let event = buy(&mut model);
    model.world.stripe.set_price("sub_1", "price_ent");
    model.deliver(event);
    assert_eq!(model.plan("user_1"), Some("enterprise"));
    model.world.stripe.subscriptions.get_mut("sub_1").unwrap().metadata.clear();
    let user = [("clerk_user_id", "user_2")];
    model.world.stripe.customers.get_mut("cus_1").unwrap().metadata = metadata(&user);
    for n in 0..40 {
        model.world.stripe.add_subscription(&format!("sub_a{n}"), "cus_1", "price_pro", &[]);
    }
    let user = [("clerk_user_id", "user_1")];
    let event = model.world.stripe.add_subscription("sub_z", "cus_1", "price_free", &user);
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("enterprise")));
    let looked_up = delivered.sent.iter().map(|(_, line)| line).filter(|line| line.contains("/checkout/"));
    assert!(looked_up.collect::<std::collections::BTreeSet<_>>().len() <= 20);
    // Subscriptions that could not grant a higher plan do not keep the recorded plan.
    model.world.stripe.set_status("sub_1", "canceled");
    let event = model.world.stripe.set_price("sub_z", "price_pro").unwrap();
    model.deliver(event);
    assert_eq!(model.plan("user_1"), Some("pro"));
}

/// Adds an attacker's customer with more subscriptions than Tollgate reads; two of them name the victim.
fn add_attackers_subscriptions(model: &mut Model, victim: &str) {
    model.world.stripe.add_customer("cus_s", &[]);
    for n in 0..1_002 {
        let id = format!("sub_s{n}");
        model.world.stripe.add_subscription(&id, "cus_s", "price_free", &[]);
        model.world.stripe.subscriptions.get_mut(&id).unwrap().status = "canceled";
    }
    for id in ["sub_x", "sub_y"] {
        model.world.stripe.add_subscription(id, "cus_s", "price_pro", &[]);
        model.world.stripe.add_session(id, &[], Some(victim));
    }
}

#[test]
fn an_attackers_thousand_subscriptions_do_not_fail_the_victims_sync() {
    let mut model = model();
    add_attackers_subscriptions(&mut model, "user_1");
    let attackers = model.world.stripe.events.len() - 1;
    let delivered = model.deliver(attackers);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("pro")));
    assert!(delivered.alarms().contains(&"too_many_subscriptions"), "{:?}", delivered.alarms());
    // The victim's own purchase, its change, and its end.
    let user = [("clerk_user_id", "user_1")];
    model.world.stripe.add_customer("cus_2", &user);
    let event = model.world.stripe.add_subscription("sub_2", "cus_2", "price_ent", &user);
    assert_eq!(
        (model.deliver(event).response(), model.plan("user_1")),
        ((200, "processed"), Some("enterprise"))
    );
    let event = model.world.stripe.set_status("sub_2", "canceled").unwrap();
    assert_eq!((model.deliver(event).response(), model.plan("user_1")), ((200, "processed"), Some("pro")));
    // An event about all of the attacker's own subscriptions.
    let event =
        model.world.stripe.change_customer("cus_s", |found| drop(found.insert("a".into(), "b".into())));
    assert_eq!(model.deliver(event.unwrap()).response(), (200, "processed"));
}

#[test]
fn a_granting_subscription_that_was_not_read_does_not_count_as_gone() {
    let mut model = model();
    model.world.stripe.add_customer("cus_s", &[]);
    model.world.stripe.add_subscription("sub_e", "cus_s", "price_ent", &[]);
    let event = model.world.stripe.add_session("sub_e", &[], Some("user_1"));
    model.deliver(event);
    assert_eq!(model.plan("user_1"), Some("enterprise"));
    add_attackers_subscriptions(&mut model, "user_1");
    let attackers = model.world.stripe.events.len() - 1;
    assert_eq!(model.deliver(attackers).response(), (200, "processed"));
    assert_eq!(model.plan("user_1"), Some("enterprise"));
}

#[test]
fn no_plan_changes_before_all_subscriptions_of_the_customer_are_read() {
    let mut model = model();
    add_attackers_subscriptions(&mut model, "user_1");
    model.world.stripe.customers.get_mut("cus_s").unwrap().metadata =
        metadata(&[("clerk_user_id", "user_1")]);
    model.world.clerk.add_with(
        "user_1",
        json!({"plan": "enterprise"}),
        json!({"stripe_subscription": "sub_s0"}),
    );
    let last = model.world.stripe.events.len() - 1;
    assert_eq!(model.deliver(last).response(), (500, "too_many_subscriptions"));
    assert_eq!(model.plan("user_1"), Some("enterprise"));
}
