//! The application in a browser, on its own origin: preflights pass, and the gate's own responses can be
//! read.

use crate::shared::{shipped, with_rules};
use reqwest::{Method, RequestBuilder, Response};
use tollgate_tests::processes::gateway::{APPLICATION, Gateway};

const OTHER_SITE: &str = "https://evil.example";

fn values(response: &Response, name: &str) -> Vec<String> {
    let values = response.headers().get_all(name).iter();
    values.map(|value| value.to_str().expect("text").to_owned()).collect()
}

fn preflight(gateway: &Gateway, origin: &str) -> RequestBuilder {
    let request = gateway.request(Method::OPTIONS, "/ask?preflight").header("origin", origin);
    request
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization")
}

/// Checks what a page on the application's origin needs of each response of the gate, and each field exactly
/// once: a browser rejects two `access-control-allow-origin`.
async fn own_responses_can_be_read(gateway: &Gateway, user: &str) {
    let token = gateway.token(user, "free");
    for _ in 0..5 {
        assert_eq!(gateway.get("/ask").bearer_auth(&token).send().await.expect("a response").status(), 200);
    }
    let cases = [
        ("no token", gateway.get("/ask"), 401),
        ("too low a plan", gateway.get("/reports").bearer_auth(&token), 403),
        ("over the limit", gateway.get("/ask").bearer_auth(&token), 429),
        ("an ambiguous path", gateway.get("/ask;x"), 400),
    ];
    for (why, request, status) in cases {
        let twin = request.try_clone().expect("a request without a body");
        let response = request.header("origin", APPLICATION).send().await.expect("a response");
        assert_eq!(response.status(), status, "{why}");
        assert_eq!(values(&response, "access-control-allow-origin"), [APPLICATION], "{why}");
        assert_eq!(values(&response, "access-control-allow-credentials"), ["true"], "{why}");
        let exposed = values(&response, "access-control-expose-headers");
        assert_eq!(exposed.len(), 1, "{why}: {exposed:?}");
        let exposed: Vec<&str> = exposed[0].split(',').map(str::trim).collect();
        for name in
            ["ratelimit", "ratelimit-policy", "x-ratelimit-remaining", "retry-after", "www-authenticate"]
        {
            assert!(exposed.contains(&name), "{why}: {exposed:?} without {name}");
        }
        let response = twin.header("origin", OTHER_SITE).send().await.expect("a response");
        assert_eq!(response.status(), status, "{why}");
        assert_eq!(values(&response, "access-control-allow-origin"), [""; 0], "{why}, by another site");
    }
}

#[tokio::test]
async fn own_responses_can_be_read_by_the_application_and_by_no_other_origin() {
    own_responses_can_be_read(&*shipped().await, "user_cors").await;
}

#[tokio::test]
async fn without_envoys_cors_filter_the_gate_sets_the_fields_itself() {
    let gateway =
        Gateway::start(|standalone| with_rules(standalone).without_filter("envoy.filters.http.cors")).await;
    own_responses_can_be_read(&gateway, "user_1").await;

    gateway.backend.clear_received().await;
    for origin in [APPLICATION, OTHER_SITE] {
        preflight(&gateway, origin).send().await.expect("a response");
    }
    assert_eq!(gateway.backend.received().await.len(), 2, "the upstream responds to preflights");
    let not_preflights = [
        (
            "without the browser's request fields",
            gateway.request(Method::OPTIONS, "/ask").header("origin", APPLICATION),
        ),
        ("with a token", preflight(&gateway, APPLICATION).bearer_auth("x")),
        ("with a cookie", preflight(&gateway, APPLICATION).header("cookie", "a=b")),
    ];
    for (why, request) in not_preflights {
        assert_eq!(request.send().await.expect("a response").status(), 401, "{why}");
    }
}

#[tokio::test]
async fn envoy_responds_to_the_applications_preflight() {
    let gateway = shipped().await;
    let response = preflight(&gateway, APPLICATION).send().await.expect("a response");
    assert_eq!(response.status(), 200);
    assert_eq!(values(&response, "access-control-allow-origin"), [APPLICATION]);
    let methods = values(&response, "access-control-allow-methods");
    assert!(methods.len() == 1 && methods[0].contains("POST"), "{methods:?}");
    let token = gateway.token("user_page", "free");
    let request = gateway.get("/ask").bearer_auth(token).header("origin", APPLICATION);
    let response = request.send().await.expect("a response");
    assert_eq!(response.status(), 200);
    assert_eq!(values(&response, "access-control-allow-origin"), [APPLICATION]);
    assert!(values(&response, "access-control-expose-headers")[0].contains("ratelimit"));
}
