//! Tests of one unreadable part of a response among readable ones: a Checkout Session, a product, the
//! recorded subscription.

use crate::harness::{FakeResponse, Model, is_to, metadata};
use serde_json::json;
use std::time::Duration;
use tollgate_core::http::Callout;
use tollgate_driver::CalloutResult;

const USER: (&str, &str) = ("clerk_user_id", "user_1");

fn model() -> Model {
    let mut model = Model::new();
    ["user_1", "user_2"].iter().for_each(|subject| model.world.clerk.add(subject));
    model.world.stripe.add_customer("cus_1", &[]);
    model
}

fn responds(callout: &Callout, path: &str, body: &str) -> Option<CalloutResult> {
    is_to(callout, "GET", path).then(|| FakeResponse::new(200, body.to_owned()).into())
}

/// The cases of an unreadable session: alone, and together with a readable one.
const ODD_SESSION: fn(&Callout) -> Option<CalloutResult> = |callout| {
    let body = r#"{"object":"list","has_more":false,"data":[{"id":"cs_9","created":1,"metadata":7,"client_reference_id":null}]}"#;
    responds(callout, "/v1/checkout/sessions", body)
};

const ODD_BESIDE_GOOD: fn(&Callout) -> Option<CalloutResult> = |callout| {
    let body = r#"{"object":"list","has_more":false,"data":[null,{"id":"cs_9","created":1,"metadata":7},
        {"id":"cs_8","created":2,"metadata":{"clerk_user_id":"user_1"},"client_reference_id":null}]}"#;
    responds(callout, "/v1/checkout/sessions", body)
};

#[test]
fn an_unreadable_session_fails_nothing_where_the_owner_is_known() {
    let mut model = model();
    model.world.stripe.customers.get_mut("cus_1").unwrap().metadata = metadata(&[USER]);
    model.fails = ODD_SESSION;
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("pro")));
    assert_eq!(delivered.alarms(), ["unreadable_session"]);
    let event = model.world.stripe.set_status("sub_1", "canceled").unwrap();
    assert_eq!(model.deliver(event).response(), (200, "processed"));
    assert_eq!(model.plan("user_1"), Some("free"), "a real end");
}

#[test]
fn an_unreadable_session_beside_a_readable_one_does_not_hide_it() {
    let mut model = model();
    model.fails = ODD_BESIDE_GOOD;
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("pro")));
    assert_eq!(delivered.alarms(), ["unreadable_session"]);
}

#[test]
fn nothing_is_concluded_where_only_an_unreadable_session_names_an_owner() {
    let mut model = model();
    model.fails = ODD_SESSION;
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    assert_eq!(model.deliver(event).response(), (503, "upstream_unavailable"));
    // What it granted before is kept, while others go on.
    model.world.clerk.add_with(
        "user_1",
        json!({"plan": "pro"}),
        json!({"stripe_subscription": "sub_1", "stripe_customers": {"cus_1": true}}),
    );
    let event = model.world.stripe.add_subscription("sub_2", "cus_1", "price_free", &[USER]);
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("pro")));
    assert!(delivered.alarms().contains(&"sessions_unread"), "{:?}", delivered.alarms());
}

#[test]
fn an_unreadable_product_is_unknown_and_no_more() {
    for product in [r#"{"id":"prod_described","metadata":7}"#, r#"{"metadata":{}}"#, r#"{"id":9}"#] {
        thread_local!(static BODY: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) });
        BODY.set(product.to_owned());
        let mut model = model();
        let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_by_product", &[USER]);
        model.deliver(event);
        assert_eq!(model.plan("user_1"), Some("pro"));
        // Another user pays for another plan. Then the product of the first subscription cannot be read.
        model.world.stripe.add_customer("cus_2", &[]);
        let user = [("clerk_user_id", "user_2")];
        model.world.stripe.add_subscription("sub_2", "cus_2", "price_ent", &user);
        model.world.now = model.world.now.plus(Duration::from_secs(100));
        model.fails = |callout| BODY.with_borrow(|body| responds(callout, "/v1/products/", body));
        let event = model.world.stripe.change_subscription("sub_1", |s| s.period_end_s += 1).unwrap();
        // Also where it came along with the subscription: only the list is without it.
        model.rewrites =
            |body| body.replace(r#""product":{"id":"prod_described","#, r#""product":{"was":"x","#);
        let delivered = model.deliver(event);
        assert_eq!(
            (delivered.response(), model.plan("user_1")),
            ((200, "processed"), Some("pro")),
            "{product}"
        );
        assert!(delivered.alarms().contains(&"unreadable_part"), "{product}: {:?}", delivered.alarms());
        let event = model.world.stripe.add_subscription("sub_3", "cus_2", "price_by_product", &user);
        let delivered = model.deliver(event);
        assert_eq!((delivered.status, model.plan("user_2")), (200, Some("enterprise")), "{product}");
    }
}

#[test]
fn an_unreadable_recorded_subscription_is_kept_and_fails_nothing() {
    let mut model = model();
    model.world.stripe.add_customer("cus_2", &[]);
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_ent", &[USER]);
    model.deliver(event);
    model.world.clerk.subjects.get_mut("user_1").unwrap().private["stripe_customers"] = json!({});
    model.fails = |callout| {
        let body = r#"{"id":"sub_1","object":"subscription","customer":7}"#;
        responds(callout, "/v1/subscriptions/sub_1?", body)
    };
    let event = model.world.stripe.add_subscription("sub_2", "cus_2", "price_pro", &[USER]);
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some("enterprise")));
    assert_eq!(delivered.alarms(), ["unreadable_subscription"]);
    model.fails = |_| None;
    let event = model.world.stripe.set_status("sub_1", "canceled").unwrap();
    model.deliver(event);
    assert_eq!(model.plan("user_1"), Some("pro"));
}
