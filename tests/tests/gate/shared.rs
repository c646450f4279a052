//! The two gateways that most of these tests share.

use serde_json::json;
use std::sync::Arc;
use tollgate_tests::fakes::upstream::ReceivedRequest;
use tollgate_tests::processes::envoy::{Standalone, yaml};
use tollgate_tests::processes::gateway::{Gateway, SharedGateway};

/// Returns the shared gateway: Envoy as shipped, with rules and plans for all tests.
pub async fn shipped() -> Arc<Gateway> {
    static GATEWAY: SharedGateway = SharedGateway::new(with_rules);
    GATEWAY.gateway().await
}

/// Returns the shared gateway with the gate alone: without the webhook filter and without Envoy's protection.
/// Paths are not normalized, names with underscores and trailers pass, and a proxy in front reports the
/// client's address.
pub async fn bare() -> Arc<Gateway> {
    static GATEWAY: SharedGateway = SharedGateway::new(|standalone| unprotected(with_rules(standalone)));
    GATEWAY.gateway().await
}

/// Sets the plans and rules of these tests. Everything else in the document is as shipped.
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

/// Configures the gateway of [`bare`].
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

/// Returns the listener's HTTP connection manager.
pub fn connection_manager(config: &mut serde_norway::Value) -> &mut serde_norway::Value {
    &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
}

/// Returns the listener's routes.
pub fn routes(config: &mut serde_norway::Value) -> &mut Vec<serde_norway::Value> {
    let routes = &mut connection_manager(config)["route_config"]["virtual_hosts"][0]["routes"];
    routes.as_sequence_mut().expect("a list of routes")
}

/// Returns the requests with that query that reached the upstream. A test recognizes its own by the query.
pub async fn reached(gateway: &Gateway, query: &str) -> Vec<ReceivedRequest> {
    let mut received = gateway.backend.received().await;
    received.retain(|request| request.query == query);
    received
}
