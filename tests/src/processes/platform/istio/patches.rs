//! EnvoyFilters: the patches that Istio's control plane applies to its configuration
//! (pilot/pkg/networking/core/envoyfilter).

use serde_json::{Value, json};

/// The network filter of a listener for HTTP.
pub(super) const MANAGER: &str = "envoy.filters.network.http_connection_manager";

/// Applies all of them, and then resolves the extensions that Envoy would request.
pub(super) fn apply(filters: &[Value], bootstrap: &mut Value, manager: &mut Value, clusters: &mut [Value]) {
    let mut extensions = Vec::new();
    for patch in
        filters.iter().flat_map(|filter| filter["spec"]["configPatches"].as_array().expect("patches"))
    {
        let (at, value) = (&patch["match"], &patch["patch"]["value"]);
        let whole = patch["applyTo"] == "BOOTSTRAP";
        assert!(whole || at["context"] == "GATEWAY", "another context's patch");
        let kind =
            [&patch["applyTo"], &patch["patch"]["operation"]].map(|text| text.as_str().unwrap_or_default());
        match kind {
            // The proxy's agent merges it into the bootstrap.
            ["BOOTSTRAP", "MERGE"] => merge(bootstrap, value),
            ["EXTENSION_CONFIG", "ADD"] => extensions.push(value.clone()),
            ["CLUSTER", "MERGE"] => {
                let named = clusters.iter_mut().find(|cluster| cluster["name"] == at["cluster"]["name"]);
                merge(named.unwrap_or_else(|| panic!("no cluster {}", at["cluster"])), value);
            }
            ["NETWORK_FILTER", "MERGE"] => {
                require_manager(at);
                merge(manager, &value["typed_config"]);
            }
            ["HTTP_FILTER", "INSERT_FIRST"] => {
                require_manager(at);
                http_filters(manager).insert(0, value.clone());
            }
            other => panic!("the harness does not support {other:?}"),
        }
    }
    for filter in http_filters(manager) {
        if filter.get("config_discovery").is_some() {
            discover(filter, &extensions);
        }
    }
}

/// Replaces a filter by the extension of its name, whose type must be one of those that the filter lists.
fn discover(filter: &mut Value, extensions: &[Value]) {
    let extension = extensions.iter().find(|extension| extension["name"] == filter["name"]);
    let typed = &extension.unwrap_or_else(|| panic!("no extension {}", filter["name"]))["typed_config"];
    let types = filter["config_discovery"]["type_urls"].as_array().expect("types");
    assert!(types.contains(&typed["@type"]), "{} is none of {types:?}", typed["@type"]);
    *filter = json!({"name": filter["name"], "typed_config": typed});
}

fn require_manager(at: &Value) {
    assert_eq!(at["listener"]["filterChain"]["filter"]["name"], MANAGER);
}

fn http_filters(manager: &mut Value) -> &mut Vec<Value> {
    manager["http_filters"].as_array_mut().expect("a list of filters")
}

/// Merges as Protocol Buffers do: fields into fields, lists appended to lists, anything else replaced.
pub(super) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from.iter().cloned()),
        (into, from) => *into = from.clone(),
    }
}
