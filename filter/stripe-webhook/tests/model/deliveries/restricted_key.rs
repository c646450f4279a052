//! A key that is refused, belongs to another account or mode, or lacks a permission: the alarm tells which, and
//! where the key is.

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

fn fails(callout: &Callout, path: &str, status: u16, error: &str) -> Option<CalloutResult> {
    let body = format!(r#"{{"error":{{"type":"invalid_request_error",{error}}}}}"#);
    is_to(callout, "GET", path).then(|| FakeResponse::new(status, body).into())
}

const UNKNOWN: &str = r#""code":"resource_missing","message":"No such subscription: 'sub_1'""#;

#[test]
fn the_alarm_tells_what_is_wrong_with_the_key_and_where_it_is() {
    type Fail = fn(&Callout) -> Option<CalloutResult>;
    let (stripe, clerk) =
        ("the environment variable STRIPE_API_KEY", "the environment variable CLERK_SECRET_KEY");
    let cases: [(Fail, &str, &str, &str); 5] = [
        (
            |c| fails(c, "/v1/subscriptions/", 401, r#""message":"Invalid API Key provided: sk_test_*wxyz""#),
            "key_refused",
            stripe,
            "Invalid API Key provided",
        ),
        (|c| fails(c, "/v1/subscriptions/", 404, UNKNOWN), "object_unknown", stripe, "does not have sub_1"),
        (
            |c| {
                let other = UNKNOWN.replace(
                    "'sub_1'",
                    "'sub_1'; a similar object exists in test mode, but a live mode key was used",
                );
                fails(c, "/v1/subscriptions/", 404, &other)
            },
            "object_unknown",
            stripe,
            "a similar object exists in test mode",
        ),
        (
            |c| refuses(c, "GET", "/v1/subscriptions", "rak_subscription_read"),
            "permission_missing",
            stripe,
            "rak_subscription_read",
        ),
        (|c| fails(c, "/users", 401, ""), "key_refused", clerk, "status 401"),
    ];
    for (fails, cause, location, detail) in cases {
        let mut model = Model::new();
        let event = buy(&mut model);
        model.fails = fails;
        let delivered = model.deliver(event);
        assert_eq!(delivered.response(), (500, "bad_credentials"), "{cause}");
        let alarm = delivered.lines.iter().find(|line| line["alarm"] == "bad_credentials").unwrap();
        let members =
            ["cause", "key_location", "subject", "object"].map(|name| alarm[name].as_str().unwrap());
        assert_eq!(members, [cause, location, "user_1", "sub_1"]);
        let text = alarm["detail"].as_str().unwrap();
        assert!(text.contains(detail) && text.ends_with(alarm["cure"].as_str().unwrap()), "{alarm}");
        assert!(text.ends_with(location) && !text.contains("wxyz"), "{alarm}");
    }
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
