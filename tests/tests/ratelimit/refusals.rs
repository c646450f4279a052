//! Refused requests cost few calls to the service, and do not affect other requests.

use crate::fleet::Fleet;
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86_400;

/// Maximum number of calls to the service, for each Envoy, for a subject far over its limit: each of two
/// workers finds out with one call, and may have made another one before that.
const CALLS_MAX: u64 = 8;

#[tokio::test]
async fn a_subject_far_over_its_limit_costs_few_calls_and_can_upgrade() {
    let fleet = Fleet::start().await;
    within_one_window(DAY_S).await;
    let free = fleet.gateway.token("user_hammer", "free");
    assert_eq!(fleet.count_served(20, "/ask", &free).await, 5);
    let before = fleet.calls().await;
    assert_eq!(fleet.count_served(1_000, "/ask", &free).await, 0);
    let calls = fleet.calls().await - before;
    assert!(calls <= 2 * CALLS_MAX, "{calls} calls for a thousand refusals");
    let pro = fleet.gateway.token("user_hammer", "pro");
    let first = fleet.get("/ask", &pro).await;
    assert_eq!(first.status, 200, "{first:?}");
    let used = fleet.gateway.get("/usage").bearer_auth(&pro).send().await.expect("a response");
    let used: serde_json::Value = used.json().await.expect("JSON");
    let used = used["limits"]["asks"][0]["used"].as_u64().expect("a number");
    assert!(
        (6..=9).contains(&used),
        "five with the old plan, one now, and at most one more for each worker: {used}"
    );
    assert_eq!(fleet.count_served(30, "/ask", &pro).await as u64, 20 - used);
}

#[tokio::test]
async fn a_cheaper_request_that_still_fits_is_served() {
    let fleet = Fleet::start().await;
    within_one_window(DAY_S).await;
    let free = fleet.gateway.token("user_pairs", "free");
    assert_eq!(fleet.count_served(50, "/pair", &free).await, 2, "4 of 5");
    assert_eq!(fleet.count_served(20, "/ask", &free).await, 1, "the fifth");
}

#[tokio::test]
async fn requests_refused_by_the_minute_do_not_count_in_the_month() {
    let fleet = Fleet::start().await;
    within_one_window(60).await;
    let free = fleet.gateway.token("user_poller", "free");
    // More than a month allows, if the refused ones counted.
    assert_eq!(fleet.count_served(150, "/burst", &free).await, 10);
    let usage = fleet.gateway.get("/usage").bearer_auth(&free).send().await.expect("a response");
    let usage: serde_json::Value = usage.json().await.expect("JSON");
    let month = &usage["limits"]["bursts"][1];
    assert_eq!((&month["per"], &month["used"]), (&"month".into(), &10.into()), "{usage}");
}
