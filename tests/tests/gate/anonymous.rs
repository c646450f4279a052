//! Clients without a token, where a rule allows them: counted by address, separately from signed-in users.

use crate::shared::{bare, shipped};
use reqwest::Client;
use serde_json::Value;
use std::net::Ipv4Addr;
use tollgate_tests::client::unpooled;
use tollgate_tests::windows::within_one_window;

/// Returns a client with that address of the loopback, which uses a new port each time.
fn from(address: [u8; 4]) -> Client {
    unpooled().local_address(std::net::IpAddr::V4(Ipv4Addr::from(address))).build().expect("a client")
}

#[tokio::test]
async fn each_address_has_its_own_counter_whatever_the_client_sends() {
    let gateway = shipped().await;
    within_one_window(86400).await;
    for address in [[127, 0, 1, 1], [127, 0, 1, 2]] {
        let client = from(address);
        for (spoofed, status) in
            [("192.0.2.1", 200), ("192.0.2.2", 200), ("192.0.2.3", 200), ("192.0.2.4", 429)]
        {
            let request = client.get(gateway.envoy.url("/search")).header("x-forwarded-for", spoofed);
            let response = request.send().await.expect("a response");
            assert_eq!(response.status(), status, "{address:?}");
            let body: Value = response.json().await.expect("JSON");
            let member = if status == 200 { "results" } else { "code" };
            assert!(body.get(member).is_some(), "{body}");
        }
    }
    let signed_in = from([127, 0, 1, 1]).get(gateway.envoy.url("/search"));
    let response =
        signed_in.bearer_auth(gateway.token("user_search", "free")).send().await.expect("a response");
    assert_eq!(response.status(), 200, "a signed-in user is not counted by address");
    assert_eq!(response.headers()["x-ratelimit-remaining"], "2");
}

#[tokio::test]
async fn behind_a_proxy_the_address_that_the_proxy_reports_counts() {
    let gateway = bare().await;
    within_one_window(86400).await;
    let cases = [
        ("the first of a network", "2001:db8:1:1::1", "2"),
        ("another of the same /64 shares its counter", "2001:db8:1:1:ffff::2", "1"),
        ("the next /64 has its own", "2001:db8:1:2::1", "2"),
        ("IPv4 is counted whole", "203.0.113.5", "2"),
        ("its neighbor has its own", "203.0.113.6", "2"),
        ("entries before the proxy's own are the client's", "198.51.100.9, 203.0.113.5", "1"),
        ("also with a port", "198.51.100.9:4711, 203.0.113.7", "2"),
        ("behind NAT64 the IPv4 address counts", "64:ff9b::203.0.113.7", "1"),
        ("its neighbor has its own", "64:ff9b::203.0.113.8", "2"),
    ];
    for (why, forwarded, remaining) in cases {
        let response =
            gateway.get("/search").header("x-forwarded-for", forwarded).send().await.expect("a response");
        assert_eq!(response.status(), 200, "{why}");
        assert_eq!(response.headers()["x-ratelimit-remaining"], remaining, "{why}");
    }
}

#[tokio::test]
async fn no_client_is_counted_if_envoy_cannot_read_the_proxys_field() {
    let gateway = bare().await;
    let token = gateway.token("user_behind_azure", "free");
    for forwarded in
        ["203.0.113.20:4711", "[2001:db8:20::1]:4711", "[2001:db8:20::1]", "10.0.0.1, 203.0.113.20:80"]
    {
        let search = || gateway.get("/search").header("x-forwarded-for", forwarded);
        let response = search().send().await.expect("a response");
        assert_eq!(response.status(), 503, "{forwarded}");
        assert_eq!(response.json::<Value>().await.expect("JSON")["code"], "address_unknown", "{forwarded}");
        let signed_in = search().bearer_auth(&token).send().await.expect("a response");
        assert_ne!(signed_in.status(), 503, "{forwarded}: a token needs no address");
    }
    let alarm = gateway.envoy.log_line_with("address_unknown").await;
    assert!(alarm.contains("without ports") && !alarm.contains("203.0.113"), "{alarm}");
}

#[tokio::test]
async fn a_bad_cookie_is_anonymous_and_a_bad_header_is_refused() {
    let gateway = shipped().await;
    within_one_window(86400).await;
    let search = || from([127, 0, 1, 3]).get(gateway.envoy.url("/search"));
    let anonymous = search().header("cookie", "__session=old").send().await.expect("a response");
    assert_eq!(anonymous.status(), 200);
    let received = anonymous.json::<Value>().await.expect("JSON")["request"]["headers"].clone();
    let ours: Vec<_> = received
        .as_array()
        .expect("a list")
        .iter()
        .filter(|field| field[0].as_str().is_some_and(|name| name.starts_with("x-tollgate")))
        .collect();
    assert_eq!(ours, [&serde_json::json!(["x-tollgate-plan", "free"])], "a plan and no user");
    let refused = search().bearer_auth("old").send().await.expect("a response");
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.json::<Value>().await.expect("JSON")["code"], "malformed_token");
}
