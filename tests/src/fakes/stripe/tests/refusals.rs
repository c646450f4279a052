//! Tests of the requests that the fake of Stripe refuses, and of the errors.

use serde_json::json;

use super::super::model::Customer;
use super::super::{API_VERSION, FakeStripe, StripeSettings};
use super::{get, response, shop};

/// A case: its description, the path, the status, and the error's code, parameter, and message.
const REFUSALS: [(&str, &str, u16, &str, &str, &str); 11] = [
    ("no such object", "/v1/customers/cus_0", 404, "resource_missing", "id", "No such customer: 'cus_0'"),
    (
        "no such customer to list by",
        "/v1/subscriptions?customer=cus_0",
        400,
        "resource_missing",
        "customer",
        "No such customer: 'cus_0'",
    ),
    (
        "a parameter that does not exist",
        "/v1/subscriptions?customr=cus_1",
        400,
        "parameter_unknown",
        "customr",
        "Received unknown parameter: customr",
    ),
    (
        "a parameter of another endpoint",
        "/v1/customers/cus_1?limit=1",
        400,
        "parameter_unknown",
        "limit",
        "Received unknown parameter: limit",
    ),
    (
        "too small a limit",
        "/v1/subscriptions?limit=0",
        400,
        "parameter_invalid_integer",
        "limit",
        "This value must be greater than or equal to 1.",
    ),
    (
        "too large a limit",
        "/v1/subscriptions?limit=101",
        400,
        "parameter_invalid_integer",
        "limit",
        "This value must be less than or equal to 100 (it currently is '101').",
    ),
    (
        "a limit that is no number",
        "/v1/subscriptions?limit=ten",
        400,
        "parameter_invalid_integer",
        "limit",
        "Invalid integer: ten",
    ),
    (
        "an unknown cursor",
        "/v1/subscriptions?starting_after=sub_0",
        400,
        "resource_missing",
        "starting_after",
        "No such subscription: 'sub_0'",
    ),
    (
        "items of no subscription",
        "/v1/subscription_items?limit=100",
        400,
        "parameter_missing",
        "subscription",
        "Missing required param: subscription.",
    ),
    (
        "items of one that there is not",
        "/v1/subscription_items?subscription=sub_0",
        400,
        "resource_missing",
        "subscription",
        "No such subscription: 'sub_0'",
    ),
    (
        "items after one that there is not",
        "/v1/subscription_items?subscription=sub_1&starting_after=si_0",
        400,
        "resource_missing",
        "starting_after",
        "No such subscription_item: 'si_0'",
    ),
];

#[tokio::test]
async fn requests_that_stripe_refuses_are_refused() {
    let stripe = shop().await;
    for (why, path, status, code, param, message) in REFUSALS {
        let (got, body) = get(&stripe, path).await;
        let error = &body["error"];
        assert_eq!(got.as_u16(), status, "{why}: {body}");
        assert_eq!(error["type"], "invalid_request_error", "{why}");
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)), "{why}");
        assert_eq!(error["message"], message, "{why}");
    }
    assert_eq!(get(&stripe, "/v1/subscriptions?status=lively").await.0, 400, "an unknown status");
    assert_eq!(get(&stripe, "/v1/subscriptions?status[]=all").await.0, 400, "a list instead of a word");
    assert_eq!(get(&stripe, "/v1/subscriptions?customer=").await.0, 400, "an empty filter");
    assert_eq!(get(&stripe, "/v1/subscription/sub_1").await.0, 404, "no such endpoint");
    assert_eq!(
        get(&stripe, "/v1/subscriptions?created[gte]=1").await.0,
        501,
        "Stripe has it, the fake does not"
    );
    assert_eq!(stripe.log().writes(), 0);
}

#[tokio::test]
async fn expansions_that_stripe_refuses_are_refused() {
    let stripe = shop().await;
    let cases = [
        (
            "five levels",
            "/v1/subscriptions?expand[]=data.items.data.price.product",
            Some("property_expansion_max_depth"),
            "You cannot expand more than 4 levels of a property. Property: data.items.data.price.product",
        ),
        (
            "a property that cannot be expanded",
            "/v1/subscriptions/sub_1?expand[]=metadata",
            None,
            "This property cannot be expanded (metadata).",
        ),
        (
            "a list's property without data",
            "/v1/subscriptions?expand[]=customer",
            None,
            "This property cannot be expanded (customer). You may want to try expanding 'data.customer' instead.",
        ),
    ];
    for (why, path, code, message) in cases {
        let (status, body) = get(&stripe, path).await;
        assert_eq!((status.as_u16(), body["error"]["message"].as_str()), (400, Some(message)), "{why}");
        assert_eq!(body["error"]["code"].as_str(), code, "{why}");
    }
}

#[tokio::test]
async fn keys_and_versions_are_checked() {
    let stripe = shop().await;
    let url = format!("http://{}/v1/customers/cus_1", stripe.addr());
    let client = reqwest::Client::new();
    let no_key = response(client.get(&url).header("stripe-version", API_VERSION)).await;
    assert_eq!(no_key.0, 401);
    assert!(no_key.1["error"]["message"].as_str().unwrap().starts_with("You did not provide an API key."));
    let cases = [
        ("a wrong key", "sk_test_wrong1234", API_VERSION, 401, "Invalid API Key provided: sk_test_*****1234"),
        ("a version of the past", stripe.key(), "2024-06-20", 400, "Invalid Stripe API version: 2024-06-20"),
        (
            "a key of the other mode",
            "sk_live_tollgate0001",
            API_VERSION,
            404,
            "No such customer: 'cus_1'; a similar object exists in test mode, but a live mode key was used to make \
             this request.",
        ),
    ];
    for (why, key, version, status, message) in cases {
        let (got, body) = response(client.get(&url).bearer_auth(key).header("stripe-version", version)).await;
        assert_eq!((got.as_u16(), body["error"]["message"].as_str().unwrap()), (status, message), "{why}");
    }
    assert_eq!(response(client.get(&url).bearer_auth(stripe.key())).await.0, 400, "no version");
    let live = FakeStripe::start_with(StripeSettings::live()).await;
    live.put(Customer::new("cus_1"));
    assert_eq!(get(&live, "/v1/customers/cus_1").await.1["livemode"], true);
}
