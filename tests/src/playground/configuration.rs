//! The edits of the shipped configuration for the playground.

use crate::processes::envoy::{FILTERS, Standalone, yaml};
use serde_json::{Map, Value as Json, json};
use serde_norway::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// The path of the playground's own endpoints, which are no part of Tollgate.
pub(super) const API_PREFIX: &str = "/playground/api/";
/// The cluster of these endpoints.
const API_CLUSTER: &str = "playground";
/// The header field of the playground's own requests to other paths, which are not shown.
pub(super) const OWN_FIELD: &str = "x-playground";
/// The price that sells the plan `pro` in the shipped document.
pub(super) const PRO_PRICE: &str = "price_123";
/// The monthly and the yearly price of the plan `team`.
pub(super) const TEAM_PRICES: [&str; 2] = ["price_team_month", "price_team_year"];
/// The namespace of the dynamic metadata into which Envoy copies members of Tollgate's responses.
const NAMESPACE: &str = "playground";
/// The time after which a request is in the access log.
const ACCESS_LOG_FLUSH: Duration = Duration::from_millis(100);

/// A rule of the document, with what the access log needs of it.
pub(super) struct PlaygroundRule {
    pub(super) name: &'static str,
    pub(super) path_prefix: &'static str,
    /// What else the rule says.
    limit: Option<&'static str>,
    plan: Option<&'static str>,
}

/// The rules: the shipped one, and one that only the higher plan passes.
pub(super) const RULES: [PlaygroundRule; 2] = [
    PlaygroundRule { name: "ask", path_prefix: "/ask", limit: Some("asks"), plan: None },
    PlaygroundRule { name: "reports", path_prefix: "/reports", limit: None, plan: Some("pro") },
];

/// Edits the configuration: for pages at the gateway's own origin, with users and organizations that buy, with
/// the playground's own endpoints, and with the access log that the pages show.
pub(super) fn playground(standalone: Standalone, gateway: SocketAddr, api: SocketAddr) -> Standalone {
    standalone
        .listening_at(gateway)
        .access_log_after(ACCESS_LOG_FLUSH)
        .document(|document| edit_document(document, &format!("http://{gateway}")))
        .edit(|config| {
            let clusters = config["static_resources"]["clusters"].as_sequence_mut();
            clusters.expect("clusters").push(yaml(api_cluster(api)));
            let listener = &mut config["static_resources"]["listeners"][0];
            let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
            let routes = manager["route_config"]["virtual_hosts"][0]["routes"].as_sequence_mut();
            routes.expect("routes").insert(0, yaml(api_route()));
            manager["http_filters"].as_sequence_mut().expect("filters").insert(0, yaml(response_members()));
            let fields = &mut manager["access_log"][0]["typed_config"]["log_format"]["json_format"];
            for (name, value) in access_log_fields() {
                fields[name] = value.into();
            }
        })
}

fn edit_document(document: &mut Value, origin: &str) {
    // A plan above the shipped ones, so that a subscription can be changed.
    document["plans"].as_sequence_mut().expect("plans").push(yaml(json!({
        "name": "team",
        "prices": TEAM_PRICES,
        "features": ["priority_support"],
        "limits": {"asks": "unlimited"},
    })));
    let billing = &mut document["billing"];
    billing["success_url"] = format!("{origin}/?paid={{CHECKOUT_SESSION_ID}}").into();
    billing["cancel_url"] = format!("{origin}/#plans").into();
    billing["return_url"] = format!("{origin}/#account").into();
    let gate = &mut document["plan_gate"];
    gate["authorized_parties"] = yaml(json!([origin]));
    gate["upgrade_url"] = format!("{origin}/#plans").into();
    gate["subject"] = "organization_or_user".into();
    gate["rules"] = yaml(RULES.iter().map(PlaygroundRule::written).collect());
}

impl PlaygroundRule {
    fn written(&self) -> Json {
        let mut rule = json!({"name": self.name, "path_prefix": self.path_prefix});
        if let Some(limit) = self.limit {
            rule["limit"] = limit.into();
        }
        if let Some(plan) = self.plan {
            rule["require"] = json!({"plan": plan});
        }
        rule
    }
}

fn api_cluster(address: SocketAddr) -> Json {
    json!({
        "name": API_CLUSTER,
        "type": "STATIC",
        "load_assignment": {"cluster_name": API_CLUSTER, "endpoints": [{"lb_endpoints": [{"endpoint": {"address":
            {"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}}}}]}]},
    })
}

/// Returns the route. It has no timeout, because the stream of events does not end, and its requests pass none
/// of Tollgate's filters, so that a crash of one does not end the stream.
fn api_route() -> Json {
    let disabled =
        json!({"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true});
    let filters: Map<String, Json> =
        FILTERS.iter().map(|filter| ((*filter).to_owned(), disabled.clone())).collect();
    json!({
        "match": {"prefix": API_PREFIX},
        "route": {"cluster": API_CLUSTER, "timeout": "0s"},
        "typed_per_filter_config": filters,
    })
}

/// Returns Envoy's filter that copies the plan and the subject of Tollgate's JSON responses into dynamic
/// metadata: a request that Tollgate answers or refuses has no identity fields that the access log could show.
fn response_members() -> Json {
    let copy = |member: &str| {
        json!({
            "selectors": [{"key": member}],
            "on_present": {"metadata_namespace": NAMESPACE, "key": member},
        })
    };
    json!({
        "name": "envoy.filters.http.json_to_metadata",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata",
            "response_rules": {
                "allow_content_types": ["application/json", "application/problem+json"],
                "rules": [copy("plan"), copy("subject")],
            },
        },
    })
}

/// Returns the fields of the access log besides the shipped ones.
fn access_log_fields() -> [(&'static str, String); 7] {
    let response = |member: &str| format!("%DYNAMIC_METADATA({NAMESPACE}:{member})%");
    [
        ("time_ms", "%START_TIME(%s%3f)%".to_owned()),
        ("own", format!("%REQ({OWN_FIELD})%")),
        ("user", "%REQ(X-TOLLGATE-USER)%".to_owned()),
        ("organization", "%REQ(X-TOLLGATE-ORGANIZATION)%".to_owned()),
        ("plan", "%REQ(X-TOLLGATE-PLAN)%".to_owned()),
        ("response_plan", response("plan")),
        ("response_subject", response("subject")),
    ]
}
