//! Legal JSON that cannot be represented, in everything that Stripe and Clerk send: it fails no sync, and
//! changes none.

use crate::harness::{Model, START_S, signed};

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

/// Puts half a surrogate pair, a number beyond `f64` and deep nesting into every object of a body.
fn spoil(body: &str) -> String {
    let odd = format!(r#"{{"~":["\ud83d",1e999,{}{}],"#, "[".repeat(200), "]".repeat(200));
    body.replace('{', &odd).replace(",}", "}")
}

#[test]
fn an_event_with_odd_json_is_processed() {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER);
    let body = spoil(&model.world.stripe.events[event].body);
    let delivered = model.send(&signed(&body, START_S));
    assert_eq!((delivered.response(), delivered.alarms().len()), ((200, "processed"), 0), "{delivered:?}");
    assert_eq!(model.plan("user_1"), Some("pro"));
    let no_work =
        r#"{"id":"evt_x","object":"event","type":"product.updated","data":{"object":{"name":"\ud83d"}}}"#;
    assert_eq!(model.send(&signed(no_work, START_S)).response(), (200, "ignored"));
}

#[test]
fn responses_of_odd_json_are_read_like_any_other() {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_by_product", &USER);
    model.rewrites = |body| spoil(&body);
    assert_eq!(model.deliver(event).response(), (200, "processed"));
    assert_eq!(model.plan("user_1"), Some("pro"));
    let ended = model.world.stripe.set_status("sub_1", "canceled").unwrap();
    assert_eq!(model.deliver(ended).response(), (200, "processed"));
    assert_eq!(model.plan("user_1"), Some("free"), "writing it into one's own metadata keeps no plan");
}
