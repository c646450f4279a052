//! The two gateways that most of these tests share, and what they ask of both.

use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_tests::fakes::upstream::ReceivedRequest;
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::gateway::{Gateway, Shared};

/// Envoy as shipped, with rules and plans for all tests.
pub async fn shipped() -> Arc<Gateway> {
    static GATEWAY: Shared = Shared::new(with_rules);
    GATEWAY.gateway().await
}

/// The gate alone, without the webhook filter and without what Envoy does to protect it: paths are not
/// normalized, names with underscores and trailers pass, and the proxy in front tells the client's address.
pub async fn bare() -> Arc<Gateway> {
    static GATEWAY: Shared = Shared::new(|standalone| unprotected(with_rules(standalone)));
    GATEWAY.gateway().await
}

/// The plans and rules of these tests. All else in the document is as shipped.
pub fn with_rules(standalone: Standalone) -> Standalone {
    standalone.document(|document| {
        document["plans"] = yaml(json!([
            {"name": "free", "limits": {
                "asks": [{"max": 5, "per": "day"}],
                "searches": [{"max": 3, "per": "day"}],
                "bursts": [{"max": 2, "per": "second"}, {"max": 3, "per": "month"}],
                "drafts": [{"max": 2, "per": "hour"}, {"max": 9, "per": "day"}],
            }},
            {"name": "pro", "prices": ["price_123"], "features": ["priority_support"], "limits": {
                "asks": [{"max": 100, "per": "month"}],
                "searches": "unlimited",
                "bursts": "unlimited",
                "drafts": "unlimited",
            }},
        ]));
        document["plan_gate"]["rules"] = yaml(json!([
            {"name": "ask", "path_prefix": "/ask", "limit": "asks"},
            {"name": "bulk", "path": "/bulk", "limit": "asks", "cost": 6},
            {"name": "reports", "path_prefix": "/reports", "require": {"plan": "pro"}},
            {"name": "support", "path_prefix": "/support", "require": {"feature": "priority_support"}},
            {"name": "search", "path_prefix": "/search", "anonymous": "free", "limit": "searches"},
            {"name": "burst", "path_prefix": "/burst", "limit": "bursts"},
            {"name": "drafts", "path_prefix": "/drafts", "limit": "drafts", "methods": ["POST"]},
            {"name": "me", "path_prefix": "/me"},
            {"name": "api", "path_prefix": "/v1", "host": "api.example.com"},
            {"name": "named", "require": {"plan": "pro"}},
        ]));
    })
}

/// What [`bare`] is made of.
pub fn unprotected(standalone: Standalone) -> Standalone {
    let document = standalone.document(|document| {
        document.as_mapping_mut().map(|document| document.remove("stripe_webhook"));
    });
    document.without_filter("stripe_webhook").edit(unprotected_envoy)
}

fn unprotected_envoy(config: &mut serde_norway::Value) {
    let manager = connection_manager(config);
    manager.as_mapping_mut().map(|manager| manager.remove("early_header_mutation_extensions"));
    manager["normalize_path"] = false.into();
    manager["merge_slashes"] = false.into();
    manager["path_with_escaped_slashes_action"] = "KEEP_UNCHANGED".into();
    manager["common_http_protocol_options"]["headers_with_underscores_action"] = "ALLOW".into();
    manager["http_protocol_options"]["enable_trailers"] = true.into();
    manager["xff_num_trusted_hops"] = 1.into();
    let options = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
    });
    config["static_resources"]["clusters"][0]["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"] =
        yaml(options);
}

/// The listener's HTTP connection manager.
pub fn connection_manager(config: &mut serde_norway::Value) -> &mut serde_norway::Value {
    &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
}

/// The listener's routes.
pub fn routes(config: &mut serde_norway::Value) -> &mut Vec<serde_norway::Value> {
    let routes = &mut connection_manager(config)["route_config"]["virtual_hosts"][0]["routes"];
    routes.as_sequence_mut().expect("a list of routes")
}

/// The same value for Envoy's configuration.
pub fn yaml(value: Value) -> serde_norway::Value {
    serde_norway::to_value(value).expect("JSON is YAML")
}

/// What reached the upstream of requests with that query, by which a test knows its own.
pub async fn reached(gateway: &Gateway, query: &str) -> Vec<ReceivedRequest> {
    let mut seen = gateway.backend.received().await;
    seen.retain(|request| request.query == query);
    seen
}
