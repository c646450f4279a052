//! A restricted Stripe key that lacks a permission: the alarm names the permission, and the rest works.

use crate::harness::{Delivered, FakeResponse, Model, is_to};
use tollgate_core::http::Callout;
use tollgate_driver::CalloutResult;

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

fn refuses(callout: &Callout, method: &str, path: &str, permission: &str) -> Option<CalloutResult> {
    let message = format!(
        "The provided key 'rk_test_*****wxyz' does not have the required permissions for this endpoint on account \
         'acct_1'. Having the '{permission}' permission would allow this request to continue."
    );
    let body = format!(r#"{{"error":{{"type":"invalid_request_error","message":"{message}"}}}}"#);
    is_to(callout, method, path).then(|| FakeResponse::new(403, body).into())
}

fn buy(model: &mut Model) -> usize {
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &USER)
}

/// Returns the details of the alarms with this code.
fn details<'a>(delivered: &'a Delivered, code: &str) -> Vec<&'a str> {
    let alarms = delivered.lines.iter().filter(|line| line["alarm"] == code);
    alarms.map(|line| line["detail"].as_str().unwrap()).collect()
}

#[test]
fn a_read_that_the_key_may_not_make_is_named_with_its_permission() {
    let mut model = Model::new();
    let event = buy(&mut model);
    model.fails = |callout| refuses(callout, "GET", "/v1/subscriptions?", "rak_subscription_read");
    let delivered = model.deliver(event);
    assert_eq!(
        (delivered.response(), delivered.alarms()),
        ((500, "bad_credentials"), vec!["bad_credentials"])
    );
    let details = details(&delivered, "bad_credentials");
    assert!(
        details[0].contains("GET /v1/subscriptions ") && details[0].contains("rak_subscription_read"),
        "{details:?}"
    );
    assert!(!delivered.lines.iter().any(|line| line.to_string().contains("wxyz")));
    model.fails = |_| None;
    assert_eq!(model.deliver(event).response(), (200, "processed"));
}
