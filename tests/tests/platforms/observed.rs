//! What operators see on each platform: the log has the audit lines, and every alert and panel finds its
//! series.

use crate::promises;
use serde_json::json;
use std::net::SocketAddr;
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::install::workspace;
use tollgate_tests::processes::platform::Site;
use tollgate_tests::processes::prometheus::Prometheus;
use tollgate_tests::queries::{self, ShippedQuery};
use tollgate_tests::waiting::until;

/// Checks a gateway that has processed a delivery. `metrics` is the address at which Prometheus scrapes it by
/// the shipped configuration `file`, and `log` returns its log, which another process may write.
pub async fn check(
    gateway: SocketAddr,
    metrics: SocketAddr,
    site: &Site,
    file: &str,
    log: impl Fn() -> String,
) {
    let audited = async || log().contains(r#"{"audit":"created""#).then_some(());
    until("audit line in the log", audited).await;

    // Envoy creates the counters of a status with the first response that has it.
    let key_refused = Fault::status(401, &json!({"error": {"type": "invalid_request_error"}}));
    for fault in [key_refused, Fault::stripe_rate_limit()] {
        site.stripe.faults().next(1, on("GET", "/v1/subscriptions"), fault);
        promises::deliver(gateway, site).await;
    }
    let queries = queries::all();
    let selectors = queries.iter().flat_map(ShippedQuery::selectors).map(|mut selector| {
        // Series are looked for now.
        selector.offset = None;
        selector.to_string()
    });
    let prometheus = Prometheus::start(file, metrics).await;
    let missing = prometheus.without_series(selectors.collect()).await;
    assert_eq!(missing, [""; 0], "Prometheus with {file} has no series for these");
    let page = workspace::text("docs/operations.md");
    let own = prometheus.metrics().await.into_iter().filter(|name| name.starts_with("tollgate_"));
    let undocumented: Vec<String> = own.filter(|name| !is_documented(name, &page)).collect();
    assert_eq!(undocumented, [""; 0], "docs/operations.md does not have these, perhaps under other names");
}

/// Returns whether the page has a metric. Prometheus adds the suffixes to the name of a histogram.
fn is_documented(name: &str, page: &str) -> bool {
    let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    page.contains(&format!("`{}`", histogram.unwrap_or(name)))
}
