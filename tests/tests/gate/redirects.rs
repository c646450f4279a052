//! Redirects that Envoy follows itself: the request passes the gate again, and is counted once.

use crate::shared::routes;
use serde_json::json;
use tollgate_tests::processes::envoy::yaml;
use tollgate_tests::processes::gateway::Gateway;

async fn gateway() -> Gateway {
    Gateway::start(|standalone| {
        let standalone = standalone.document(|document| {
            document["plan_gate"]["rules"] = yaml(json!([
                {"name": "ask", "path_prefix": "/ask", "limit": "asks"},
                {"name": "reports", "path_prefix": "/reports", "require": {"plan": "pro"}},
            ]));
        });
        standalone.edit(|config| {
            for route in routes(config) {
                route["route"]["internal_redirect_policy"] = yaml(json!({"max_internal_redirects": 3}));
            }
        })
    })
    .await
}

#[tokio::test]
async fn a_redirected_request_is_decided_again_and_counted_once() {
    let gateway = gateway().await;
    let token = gateway.token("user_1", "free");
    let ask = async |path: &str| {
        let response = gateway.get(path).bearer_auth(&token).send().await.expect("a response");
        let left = response.headers().get("x-ratelimit-remaining");
        (response.status().as_u16(), left.map(|left| left.to_str().expect("text").to_owned()))
    };
    let left = |left: &str| (200, Some(left.to_owned()));
    // Envoy follows only redirects to an absolute URL.
    let redirect = |from: &str, to: &str| format!("{from}/leave?to={}", gateway.envoy.url(to));
    assert_eq!(ask("/ask").await, left("4"));
    assert_eq!(ask(&redirect("/ask", "/ask/there")).await, left("3"));
    let received = gateway.backend.received().await;
    let there =
        received.iter().find(|request| request.path == "/ask/there").expect("the redirect was followed");
    assert_eq!(there.header("x-tollgate-user"), ["user_1"]);
    assert_eq!(there.header("x-envoy-original-url").len(), 1, "by Envoy, not by the client");
    assert_eq!(ask("/ask").await, left("2"), "one was counted for both");
    assert_eq!(ask(&redirect("/open", "/ask/there")).await, left("1"), "the redirect led to a rule");
    assert_eq!(ask(&redirect("/ask", "/reports")).await.0, 403, "this one led to another rule");
    let anonymous = gateway.get(&redirect("/open", "/ask/there")).send().await.expect("a response");
    assert_eq!(anonymous.status(), 401);
}

#[tokio::test]
async fn a_client_cannot_pretend_that_it_was_redirected() {
    let gateway = gateway().await;
    let token = gateway.token("user_1", "free");
    for left in ["4", "3", "2", "1", "0"] {
        let request = gateway.get("/ask").bearer_auth(&token);
        let response =
            request.header("x-envoy-original-url", "http://x/ask").send().await.expect("a response");
        assert_eq!(response.headers()["x-ratelimit-remaining"], left);
    }
}
