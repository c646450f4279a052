//! Clients see the usage of the whole fleet, and reading it is free.

use crate::fleet::Fleet;
use serde_json::{Value, json};
use tollgate_tests::windows::within_one_window;

#[tokio::test]
async fn usage_and_fields_cover_the_whole_fleet_and_reading_is_free() {
    let fleet = Fleet::start().await;
    // Each window that is read has a counter: also the next minute.
    within_one_window(60).await;
    let free = fleet.gateway.token("user_reader", "free");
    assert_eq!(fleet.count_served(3, "/ask", &free).await, 3);
    let fourth = fleet.get("/ask", &free).await;
    let field = fourth.ratelimit.expect("a field");
    assert!(field.starts_with(r#""asks";r=1;t="#), "{field}");
    for _ in 0..3 {
        for envoy in [&fleet.gateway.envoy, &fleet.replica] {
            let response = reqwest::Client::new().get(envoy.url("/usage")).bearer_auth(&free).send().await;
            let usage: Value = response.expect("a response").json().await.expect("JSON");
            let asks = &usage["limits"]["asks"][0];
            assert_eq!((&asks["used"], &asks["remaining"]), (&json!(4), &json!(1)), "{usage}");
            assert_eq!(usage["limits"]["bursts"].as_array().map(Vec::len), Some(2));
        }
    }
    let (keys, prefix) =
        (fleet.ratelimit.redis.command(&["DBSIZE"]).await, "tollgate_subject_user_reader_limit_asks");
    assert_eq!(keys, ":3", "a counter for each window that was read");
    let day = fleet.ratelimit.redis.keys().await;
    assert!(day.iter().any(|key| key.starts_with(&format!("{prefix}_per_day_"))), "{day:?}");
    assert!(day.iter().any(|key| key.contains("_limit_bursts_period_20")), "{day:?}");
}

#[tokio::test]
async fn anonymous_callers_are_counted_across_the_fleet() {
    let fleet = Fleet::start().await;
    within_one_window(86_400).await;
    let client = crate::fleet::client();
    let mut served = 0;
    for _ in 0..10 {
        for envoy in [&fleet.gateway.envoy, &fleet.replica] {
            let response = client.get(envoy.url("/open")).send().await.expect("a response");
            served += u32::from(response.status() == 200);
        }
    }
    assert_eq!(served, 5);
    let keys = fleet.ratelimit.redis.keys().await;
    assert!(keys.iter().any(|key| key.contains("subject_127.0.0.1_limit_asks_per_day_")), "{keys:?}");
}
