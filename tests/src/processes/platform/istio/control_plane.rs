//! The listener, routes and clusters that Istio's control plane generates from the shipped resources for one
//! gateway.
//!
//! The rules are those of Istio's sources of 2026-08-22 (pilot/pkg/networking/core: listener_builder.go,
//! cluster_tls.go; pilot/pkg/model/extensions.go). Filters that only Istio's own Envoy has are left out.

use super::super::Resources;
use super::bootstrap::Annotations;
use super::patches;
use serde_json::{Value, json};

/// The name of the file of the system's authorities, which Istio's agent serves.
pub(super) const SYSTEM: &str = "file-root:system";

const TYPES: &str = "type.googleapis.com/envoy.extensions";

/// Returns the whole configuration of the gateway's Envoy.
pub(super) fn bootstrap(resources: &Resources, annotations: &Annotations) -> Value {
    let gateway = only(resources, "Gateway");
    let selector = gateway["spec"]["selector"].clone();
    let mut manager = connection_manager(resources, &selector);
    let mut clusters = clusters(resources);
    let mut filters = resources.of_kind("EnvoyFilter").map(json_of).collect::<Vec<_>>();
    // Those of the same priority are applied by their age, which is the order of the file here.
    filters.sort_by_key(|filter| filter["spec"]["priority"].as_i64().unwrap_or(0));
    for filter in &filters {
        assert_eq!(filter["spec"]["workloadSelector"]["labels"], selector, "another workload's EnvoyFilter");
    }
    let mut bootstrap = json!({});
    patches::apply(&filters, &mut bootstrap, &mut manager, &mut clusters);
    let made = json!({
        "admin": {"address": socket("127.0.0.1", 0)},
        "node": {"id": "gateway", "cluster": "istio-ingress"},
        "stats_config": annotations.stats_config(),
        "static_resources": {
            "listeners": [{
                "name": "0.0.0.0_80",
                "address": socket("127.0.0.1", 0),
                "filter_chains": [{"filters": [{
                    "name": patches::MANAGER,
                    "typed_config": manager,
                }]}],
            }],
            "clusters": clusters,
        },
    });
    patches::merge(&mut bootstrap, &made);
    bootstrap
}

/// Returns an address.
pub(super) fn socket(address: &str, port: u64) -> Value {
    json!({"socket_address": {"address": address, "port_value": port}})
}

fn json_of(resource: &serde_norway::Value) -> Value {
    serde_json::to_value(resource).expect("JSON")
}

fn only(resources: &Resources, kind: &str) -> Value {
    let all: Vec<Value> = resources.of_kind(kind).map(json_of).collect();
    let [one] = &all[..] else { panic!("{} resources of kind {kind}, not one", all.len()) };
    one.clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Returns the entries of a list, or none if there is no list.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Returns Istio's connection manager, with its plugins ordered by phase: authentication comes first.
fn connection_manager(resources: &Resources, selector: &Value) -> Value {
    let plugin = only(resources, "WasmPlugin");
    assert_eq!(plugin["spec"]["selector"]["matchLabels"], *selector, "another workload's WasmPlugin");
    assert_eq!(plugin["spec"]["phase"], "AUTHN");
    let filter =
        |name: &str, kind: &str| json!({"name": name, "typed_config": {"@type": format!("{TYPES}.{kind}")}});
    json!({
        "@type": format!("{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "outbound_0.0.0.0_80;",
        "use_remote_address": true,
        "normalize_path": true,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "stream_idle_timeout": "0s",
        "http_filters": [
            wasm_plugin(&plugin),
            filter("istio.grpc_stats", "filters.http.grpc_stats.v3.FilterConfig"),
            filter("envoy.filters.http.fault", "filters.http.fault.v3.HTTPFault"),
            filter("envoy.filters.http.cors", "filters.http.cors.v3.Cors"),
            filter("envoy.filters.http.router", "filters.http.router.v3.Router"),
        ],
        "route_config": {"name": "http.80", "virtual_hosts": [virtual_host(&only(resources, "VirtualService"))]},
    })
}

/// Returns the filter of a plugin, with its configuration as JSON text and the environment variables it may
/// read.
fn wasm_plugin(plugin: &Value) -> Value {
    let spec = &plugin["spec"];
    let host_env_keys: Vec<&str> = list(&spec["vmConfig"]["env"])
        .map(|variable| {
            assert_eq!(variable["valueFrom"], "HOST");
            text(&variable["name"])
        })
        .collect();
    json!({
        "name": "extensions.istio.io/wasmplugin/tollgate",
        "typed_config": {
            "@type": format!("{TYPES}.filters.http.wasm.v3.Wasm"),
            "config": {
                "name": format!("{}.{}", text(&plugin["metadata"]["namespace"]), text(&plugin["metadata"]["name"])),
                "root_id": spec["pluginName"],
                "failure_policy": spec["failStrategy"],
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"remote": {"http_uri": {"uri": spec["url"], "cluster": "_", "timeout": "30s"}}},
                    "environment_variables": {"host_env_keys": host_env_keys},
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": spec["pluginConfig"].to_string(),
                },
            },
        },
    })
}

fn virtual_host(service: &Value) -> Value {
    let routes = list(&service["spec"]["http"]).map(|route| {
        let cors = &route["corsPolicy"];
        let joined = |names: &Value| list(names).map(text).collect::<Vec<_>>().join(",");
        json!({
            "match": {"prefix": "/"},
            "route": {"cluster": cluster_name(&route["route"][0]["destination"]), "timeout": route["timeout"]},
            "typed_per_filter_config": {"envoy.filters.http.cors": {
                "@type": format!("{TYPES}.filters.http.cors.v3.CorsPolicy"),
                "allow_origin_string_match": cors["allowOrigins"],
                "allow_methods": joined(&cors["allowMethods"]),
                "allow_headers": joined(&cors["allowHeaders"]),
                "expose_headers": joined(&cors["exposeHeaders"]),
                "allow_credentials": cors["allowCredentials"],
            }},
        })
    });
    json!({"name": "*:80", "domains": service["spec"]["hosts"], "routes": routes.collect::<Vec<_>>()})
}

fn cluster_name(destination: &Value) -> String {
    format!("outbound|{}||{}", destination["port"]["number"], text(&destination["host"]))
}

/// Returns a cluster per host and port of a ServiceEntry, with its DestinationRule, and one for the routed
/// service.
fn clusters(resources: &Resources) -> Vec<Value> {
    let rules: Vec<Value> = resources.of_kind("DestinationRule").map(json_of).collect();
    let mut clusters = Vec::new();
    for entry in resources.of_kind("ServiceEntry").map(json_of) {
        assert_eq!(entry["spec"]["resolution"], "DNS");
        for host in list(&entry["spec"]["hosts"]).map(text) {
            for port in list(&entry["spec"]["ports"]) {
                let mut cluster = dns_cluster(host, port["number"].as_u64().expect("a port"));
                let rule = rules.iter().find(|rule| rule["spec"]["host"] == host);
                let rule = rule.unwrap_or_else(|| panic!("no DestinationRule for {host}"));
                follow(&mut cluster, &rule["spec"]["trafficPolicy"]);
                clusters.push(cluster);
            }
        }
    }
    let service = only(resources, "VirtualService");
    let destination = &service["spec"]["http"][0]["route"][0]["destination"];
    clusters.push(dns_cluster(
        text(&destination["host"]),
        destination["port"]["number"].as_u64().expect("a port"),
    ));
    clusters
}

fn dns_cluster(host: &str, port: u64) -> Value {
    let name = format!("outbound|{port}||{host}");
    json!({
        "name": name,
        "alt_stat_name": format!("{name};"),
        "type": "STRICT_DNS",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(host, port)}}]}],
        },
    })
}

fn follow(cluster: &mut Value, policy: &Value) {
    let tls = &policy["tls"];
    assert_eq!(tls["mode"], "SIMPLE");
    let names =
        list(&tls["subjectAltNames"]).map(|name| json!({"san_type": "DNS", "matcher": {"exact": name}}));
    cluster["transport_socket"] = json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": format!("{TYPES}.transport_sockets.tls.v3.UpstreamTlsContext"),
            "sni": tls["sni"],
            "common_tls_context": {"validation_context": {
                "trusted_ca": {"filename": SYSTEM},
                "match_typed_subject_alt_names": names.collect::<Vec<_>>(),
            }},
        },
    });
    let pool = &policy["connectionPool"];
    cluster["connect_timeout"] = pool["tcp"]["connectTimeout"].clone();
    cluster["circuit_breakers"] = json!({"thresholds": [{
        "max_connections": pool["tcp"]["maxConnections"],
        "max_pending_requests": pool["http"]["http1MaxPendingRequests"],
        "max_requests": pool["http"]["http2MaxRequests"],
    }]});
    cluster["typed_extension_protocol_options"] = json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": format!("{TYPES}.upstreams.http.v3.HttpProtocolOptions"),
            "common_http_protocol_options": {"idle_timeout": pool["http"]["idleTimeout"]},
        },
    });
}
