//! How much a plan permits: one window and several, and the header fields about them.

use crate::shared::shipped;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::windows::within_one_window;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86400;

fn field<'a>(response: &'a Response, name: &str) -> &'a str {
    let mut values = response.headers().get_all(name).iter();
    let value = values.next().unwrap_or_else(|| panic!("no {name} in {:?}", response.headers()));
    assert!(values.next().is_none(), "more than one {name}");
    value.to_str().expect("text")
}

/// Returns the parameter `t` of a RateLimit field.
fn seconds_to_reset(ratelimit: &str) -> i64 {
    ratelimit.rsplit_once("t=").and_then(|(_, t)| t.parse().ok()).unwrap_or_else(|| panic!("{ratelimit}"))
}

/// Returns whether the window of that length ends after these seconds. The clock continues during the test.
fn ends_window(seconds: i64, length_s: i64) -> bool {
    let left = length_s - unix_now().rem_euclid(length_s);
    (left..left + 10).contains(&seconds)
}

#[tokio::test]
async fn the_sixth_request_of_a_free_user_gets_a_retry_after() {
    let gateway = shipped().await;
    within_one_window(DAY_S).await;
    for remaining in (0..5).rev() {
        // A new token each time, as browsers get one every minute: the user is counted.
        let token = gateway.session("user_five").plan("free").claim("jti", json!(remaining)).sign();
        let response = gateway.get("/ask").bearer_auth(token).send().await.expect("a response");
        assert_eq!(response.status(), 200);
        assert_eq!(field(&response, "ratelimit-policy"), r#""asks";q=5;w=86400"#);
        let ratelimit = field(&response, "ratelimit");
        assert!(ratelimit.starts_with(&format!(r#""asks";r={remaining};t="#)), "{ratelimit}");
        assert!(ends_window(seconds_to_reset(ratelimit), DAY_S), "{ratelimit}");
        assert_eq!(field(&response, "x-ratelimit-limit"), "5");
        assert_eq!(field(&response, "x-ratelimit-remaining"), remaining.to_string());
        assert_eq!(field(&response, "x-ratelimit-reset"), seconds_to_reset(ratelimit).to_string());
        assert_eq!(
            response.json::<Value>().await.expect("JSON")["answer"],
            "42",
            "the upstream has responded"
        );
    }
    let token = gateway.token("user_five", "free");
    let response = gateway.get("/ask?sixth").bearer_auth(&token).send().await.expect("a response");
    assert_eq!(response.status(), 429);
    assert_eq!(field(&response, "content-type"), "application/problem+json");
    let ratelimit = field(&response, "ratelimit").to_owned();
    let reset_s = seconds_to_reset(&ratelimit);
    assert_eq!(ratelimit, format!(r#""asks";r=0;t={reset_s}"#));
    assert_eq!(field(&response, "ratelimit-policy"), r#""asks";q=5;w=86400"#);
    for (name, want) in [("retry-after", reset_s), ("x-ratelimit-reset", reset_s), ("x-ratelimit-limit", 5)] {
        assert_eq!(field(&response, name), want.to_string(), "{name}");
    }
    assert_eq!(field(&response, "x-ratelimit-remaining"), "0");
    let mut problem: Value = response.json().await.expect("JSON");
    let reset = problem["reset"].take();
    assert!(reset.as_str().is_some_and(|reset| reset.ends_with("T00:00:00Z")), "{reset}");
    let want = json!({"status": 429, "title": "Too Many Requests", "code": "quota_exceeded", "plan": "free",
        "limit": "asks", "max": 5, "per": "day", "reset": null, "detail": problem["detail"],
        "upgrade_url": "https://app.example.com/pricing"});
    assert_eq!(problem, want);
    assert_eq!(crate::shared::reached(&gateway, "sixth").await, []);

    let other = gateway.get("/ask").bearer_auth(gateway.token("user_other", "free")).send().await;
    assert_eq!(other.expect("a response").status(), 200, "another user has a separate counter");
    let pro = gateway.get("/ask").bearer_auth(gateway.token("user_five", "pro")).send().await;
    let pro = pro.expect("a response");
    assert_eq!(pro.status(), 200, "the new plan has its own window");
    assert!(field(&pro, "ratelimit").starts_with(r#""asks";r=99;"#), "{pro:?}");
}

#[tokio::test]
async fn the_tightest_window_is_shown_and_every_window_must_have_room() {
    let gateway = shipped().await;
    within_one_window(HOUR_S).await;
    let token = gateway.token("user_drafts", "free");
    let draft = || gateway.request(Method::POST, "/drafts").bearer_auth(&token);
    for remaining in [1, 0] {
        let response = draft().send().await.expect("a response");
        assert_eq!(response.status(), 200);
        assert_eq!(field(&response, "ratelimit-policy"), r#""drafts";q=2;w=3600"#);
        assert_eq!(field(&response, "x-ratelimit-remaining"), remaining.to_string());
    }
    let response = draft().send().await.expect("a response");
    assert_eq!(response.status(), 429);
    let retry_after: i64 = field(&response, "retry-after").parse().expect("seconds");
    assert!(ends_window(retry_after, HOUR_S), "{retry_after}");
    let problem: Value = response.json().await.expect("JSON");
    assert_eq!((&problem["max"], &problem["per"]), (&json!(2), &json!("hour")));
    let read = gateway.get("/drafts").bearer_auth(&token).send().await.expect("a response");
    assert_eq!(read.status(), 200, "the rule is for POST only");
    assert!(!read.headers().contains_key("ratelimit"), "and counts nothing else");
}

/// Sends requests of a user until the month's limit is reached. Returns how many were served, and how many
/// were refused only until the end of a second.
async fn use_up_month(gateway: &Gateway, user: &str) -> (u32, u32) {
    let token = gateway.token(user, "free");
    let (mut served, mut refused_for_a_second) = (0, 0);
    loop {
        let response = gateway.get("/burst").bearer_auth(&token).send().await.expect("a response");
        if response.status() == 200 {
            served += 1;
            continue;
        }
        assert_eq!(response.status(), 429);
        let retry_after: u64 = field(&response, "retry-after").parse().expect("seconds");
        if response.json::<Value>().await.expect("JSON")["per"] == "month" {
            return (served, refused_for_a_second);
        }
        refused_for_a_second += 1;
        assert_eq!(retry_after, 1);
        if refused_for_a_second % 5 == 0 {
            tokio::time::sleep(Duration::from_secs(retry_after)).await;
        }
    }
}

#[tokio::test]
async fn a_request_refused_by_one_window_counts_in_none_and_windows_end() {
    let gateway = shipped().await;
    // Three a month, two a second: wherever the seconds start, three are served before the month is over. On
    // a busy machine, the three of one user may fall into different seconds.
    for user in 0..20 {
        let (served, refused_for_a_second) = use_up_month(&gateway, &format!("user_burst_{user}")).await;
        assert_eq!(served, 3);
        if refused_for_a_second > 0 {
            return;
        }
    }
    panic!("two a second were never used up: this machine is too slow for the test");
}
