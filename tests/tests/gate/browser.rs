//! Tests in a real browser that a page of the application can read the gate's responses from another origin,
//! and that a page of another site cannot.

use crate::shared::{connection_manager, with_rules};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tollgate_tests::fakes::server::{FakeResponse, FakeServer, Request, Service};
use tollgate_tests::processes::browser::Browser;
use tollgate_tests::processes::envoy::yaml;
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86400;

/// The id of the element into which a page writes its results.
const RESULT_ELEMENT_ID: &str = "read-by-the-page";

/// A site of static pages.
struct Site;

impl Service for Site {
    fn carry_out(&self, request: &Request) -> FakeResponse {
        let body = if request.path == "/" { PAGE } else { "" };
        let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
        FakeResponse { status: 200, headers, body: body.as_bytes().to_vec() }
    }
}

/// Sends the requests in the part of its URL after the `#`: `[[url, fetch options], …]`, one after the other.
/// Writes what a script can read of each response into the page. If a fetch fails, a script can see only that
/// it failed.
const PAGE: &str = r#"<!doctype html><title>application</title><pre id="read-by-the-page"></pre><script>
const names = ["retry-after", "ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining",
               "x-ratelimit-reset", "www-authenticate"];
async function read([url, options]) {
  try {
    const response = await fetch(url, options);
    const fields = names.map(name => [name, response.headers.get(name)]).filter(field => field[1] !== null);
    return {status: response.status, fields: Object.fromEntries(fields), body: await response.json()};
  } catch (error) {
    return {failed: error.name};
  }
}
(async () => {
  const responses = [];
  for (const request of JSON.parse(decodeURIComponent(location.hash.slice(1)))) responses.push(await read(request));
  document.getElementById("read-by-the-page").textContent = JSON.stringify(responses);
})();
</script>"#;

/// Returns what a page of `site` can read when it sends `requests` to the gateway.
async fn read_by_page(browser: &Browser, site: SocketAddr, requests: &Value) -> Vec<Value> {
    let hash: String = form_urlencoded::byte_serialize(requests.to_string().as_bytes()).collect();
    let page = browser.open(&format!("http://{site}/#{}", hash.replace('+', "%20"))).await;
    let text = format!("document.getElementById({RESULT_ELEMENT_ID:?}).textContent");
    let text = page
        .until("the results of the page", async || {
            let text = page.evaluate(&text).await.ok()?;
            text.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        })
        .await;
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("the page wrote no JSON: {e}\n{text}"))
}

/// Starts Envoy with the shipped configuration, for an application on `origin`.
async fn gateway(origin: &str) -> Gateway {
    let origin = origin.to_owned();
    Gateway::start(|standalone| {
        let standalone = with_rules(standalone).document(|document| {
            document["plan_gate"]["authorized_parties"] = yaml(json!([origin]));
            document["plan_gate"]["usage_path"] = "/usage".into();
        });
        // In the shipped file, a YAML anchor makes both one value; in the parsed file they are two.
        standalone.edit(|config| {
            let host = &mut connection_manager(config)["route_config"]["virtual_hosts"][0];
            let policy = &mut host["typed_per_filter_config"]["envoy.filters.http.cors"];
            let allowed = &mut policy["allow_origin_string_match"];
            assert_eq!(allowed, &yaml(json!([{"exact": "https://app.example.com"}])));
            *allowed = yaml(json!([{"exact": origin}]));
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_page_of_an_authorized_party_reads_the_gates_responses() {
    let application = FakeServer::start(Arc::new(Site)).await;
    let other_site = FakeServer::start(Arc::new(Site)).await;
    let origin = format!("http://{}", application.addr());
    let gateway = gateway(&origin).await;
    within_one_window(DAY_S).await;
    let browser = Browser::start().await;
    let token = gateway.session("user_browser").plan("free").claim("azp", json!(origin)).sign();
    let ask = |path: &str, options: Value| json!([gateway.envoy.url(path), options]);
    // A page must not send an Authorization field to another origin without permission: the browser sends a
    // preflight.
    let with_token = || json!({"headers": {"authorization": format!("Bearer {token}")}});

    let mut requests = vec![ask("/ask", with_token()); 6];
    requests.push(ask("/ask", json!({})));
    requests
        .push(ask("/reports", json!({"method": "POST", "headers": with_token()["headers"], "body": "{}"})));
    requests.push(ask("/usage", with_token()));
    let responses = read_by_page(&browser, application.addr(), &json!(requests)).await;
    assert_eq!(responses.len(), requests.len());

    for (response, remaining) in responses.iter().zip((0..5).rev()) {
        assert_eq!(
            (&response["status"], &response["body"]["answer"]),
            (&json!(200), &json!("42")),
            "{response}"
        );
        assert_eq!(response["fields"]["ratelimit-policy"], r#""asks";q=5;w=86400"#);
        assert_eq!(response["fields"]["x-ratelimit-remaining"], remaining.to_string());
    }
    let exhausted = &responses[5];
    assert_eq!(
        (&exhausted["status"], &exhausted["body"]["code"]),
        (&json!(429), &json!("quota_exceeded")),
        "{exhausted}"
    );
    assert_eq!(exhausted["body"]["upgrade_url"], "https://app.example.com/pricing");
    let retry_after: i64 =
        exhausted["fields"]["retry-after"].as_str().and_then(|s| s.parse().ok()).expect("seconds");
    assert!((1..=DAY_S).contains(&retry_after), "{exhausted}");
    assert_eq!(exhausted["fields"]["ratelimit"], format!(r#""asks";r=0;t={retry_after}"#));
    let others = [(&responses[6], 401, "missing_token"), (&responses[7], 403, "plan_required")];
    for (response, status, code) in others {
        assert_eq!(
            (&response["status"], &response["body"]["code"]),
            (&json!(status), &json!(code)),
            "{response}"
        );
    }
    assert_eq!(responses[6]["fields"]["www-authenticate"], "Bearer");
    assert_eq!(responses[8]["body"]["limits"]["asks"][0]["used"], 5, "{}", responses[8]);
    let received = gateway.backend.received().await;
    assert!(
        received.iter().all(|request| request.method == "GET"),
        "Envoy responds to the application's preflights"
    );
    assert_eq!(received.len(), 5);

    // The same requests, with the same token.
    let responses = read_by_page(&browser, other_site.addr(), &json!(requests)).await;
    assert_eq!(
        responses,
        vec![json!({"failed": "TypeError"}); requests.len()],
        "a page of another site reads nothing"
    );
    let mut received = gateway.backend.received().await;
    received.retain(|request| request.method != "OPTIONS");
    assert_eq!(
        received.len(),
        5,
        "the browser does not send requests of the other site that need a preflight"
    );
}
