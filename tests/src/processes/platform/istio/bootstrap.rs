//! What Istio's agent generates for a proxy from the annotations of its pod: the configuration of Envoy's
//! statistics, and the levels of its log.
//!
//! The rules are those of Istio's sources of 2026-08-22 (tools/packaging/common/envoy_bootstrap.json,
//! pkg/bootstrap/config.go, pkg/envoy/proxy.go).

use super::control_plane::list;
use crate::install::workspace;
use serde_json::{Value, json};

const VALUES: &str = "envoy/istio/values.yaml";

/// The annotations of the gateway's pods in the shipped values.
pub(super) struct Annotations(Value);

impl Annotations {
    /// Loads the shipped values.
    pub(super) fn load() -> Annotations {
        let values: Value =
            serde_norway::from_str(&workspace::text(VALUES)).unwrap_or_else(|e| panic!("{VALUES}: {e}"));
        Annotations(values["podAnnotations"].clone())
    }

    /// Returns the settings of the proxy.
    fn proxy_config(&self) -> Value {
        let text = self.0["proxy.istio.io/config"].as_str().expect("the proxy's settings");
        serde_norway::from_str(text).unwrap_or_else(|e| panic!("{VALUES}: proxy.istio.io/config: {e}"))
    }

    /// Returns Envoy's arguments for its log: Istio's defaults, and the levels in the annotations.
    pub(super) fn log_arguments(&self) -> Vec<String> {
        let level =
            |annotation: &str, default: &str| self.0[annotation].as_str().unwrap_or(default).to_owned();
        vec![
            "--log-level".to_owned(),
            level("sidecar.istio.io/logLevel", "warning"),
            "--component-log-level".to_owned(),
            level("sidecar.istio.io/componentLogLevel", "misc:error"),
        ]
    }

    /// Returns Envoy's `stats_config`.
    pub(super) fn stats_config(&self) -> Value {
        let proxy_config = self.proxy_config();
        let own = &proxy_config["proxyStatsMatcher"];
        for field in own.as_object().expect("a matcher").keys() {
            assert_eq!(field, "inclusionPrefixes", "the harness does not support {field}");
        }
        let required = ["cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm"];
        let prefixes = list(&own["inclusionPrefixes"]).cloned().chain(required.map(Value::from));
        let mut patterns = vec![json!({"prefix": "reporter="})];
        patterns.extend(prefixes.map(|prefix| json!({"prefix": prefix})));
        let suffixes = ["rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied"];
        patterns.extend(suffixes.map(|suffix| json!({"suffix": suffix})));
        patterns.push(json!({"safe_regex": {"regex": r"vhost\..*\.route\..*"}}));
        patterns.extend(["component", "istio"].map(|prefix| json!({"prefix": prefix})));
        let tags = TAGS.map(|(name, regex)| json!({"tag_name": name, "regex": regex}));
        json!({
            "use_all_default_tags": false,
            "stats_tags": tags,
            "stats_matcher": {"inclusion_list": {"patterns": patterns}},
        })
    }
}

/// The labels that Istio makes of parts of the metrics' names, instead of Envoy's own.
const TAGS: [(&str, &str); 15] = [
    ("cluster_name", r"^cluster(\.(.+);)"),
    ("http_conn_manager_prefix", r"^http\.(((?:[_.[:digit:]\w]*|[_\[\]aAbBcCdDeEfF[:digit:]\w\:]*));\.)"),
    ("thread_name", r"^server(\.(.+))\.watchdog"),
    ("tcp_prefix", r"^tcp\.((.*?)\.)\w+?$"),
    ("response_code", r"_rq(_(\d{3}))$"),
    ("response_code_class", r"_rq(_(\dxx))$"),
    ("listener_address", r"^listener\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)"),
    ("mongo_prefix", r"^mongo\.(.+?)\.(collection|cmd|cx_|op_|delays_|decoding_)(.*?)$"),
    ("cache", r"(cache\.(.+?)\.)"),
    ("component", r"(component\.(.+?)\.)"),
    ("tag", r"(tag\.(.+?);\.)"),
    ("wasm_filter", r"(wasm_filter\.(.+?)\.)"),
    ("authz_enforce_result", r"rbac(\.(allowed|denied))"),
    ("authz_dry_run_action", r"(\.istio_dry_run_(allow|deny)_)"),
    ("authz_dry_run_result", r"(\.shadow_(allowed|denied))"),
];
