//! Warnings about Envoy's configuration around Tollgate's filters: their order, their settings, and the
//! clusters that they call.

use super::callouts::{self, Named};
use super::{
    BILLING, FORGOTTEN, GATE, ORDER, READERS, UNSERVED, Warning, at, document_of, has_billing, not_held,
    out_of_order,
};
use crate::document::{self, FoundDocument};
use serde_json::Value;
use tollgate_core::config::SECTION_NAMES;

/// Returns all warnings about Envoy's configuration that contains these documents; none for any other value.
pub(super) fn warnings<'a>(
    value: &Value,
    documents: impl Iterator<Item = &'a FoundDocument>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (location, list) in all(value, "http_filters") {
        chain(&location, list.as_array().map_or(&[][..], Vec::as_slice), &mut warnings);
    }
    let clusters = all(value, "clusters");
    let clusters: Vec<&Value> = clusters.iter().filter_map(|(_, list)| list.as_array()).flatten().collect();
    if !clusters.is_empty() {
        for named in callouts::clusters(documents) {
            warnings.extend(cluster(&named, &clusters));
        }
    }
    warnings
}

/// Returns every value named `name`, and its location.
fn all<'a>(value: &'a Value, name: &str) -> Vec<(String, &'a Value)> {
    let mut found = Vec::new();
    document::walk(value, "", &mut |location, value| {
        if location.rsplit('.').next() == Some(name) {
            found.push((location.to_owned(), value));
        }
        true
    });
    found
}

/// Returns which of Tollgate's filters an entry is, by its module or its name.
pub(super) fn which(filter: &Value) -> Option<&'static str> {
    if is_native(filter) {
        let name = at(filter, "/typed_config/filter_name");
        return SECTION_NAMES.iter().copied().find(|own| *name == **own);
    }
    let config = filter.pointer("/typed_config/config")?;
    let file = config.pointer("/vm_config/code").map(ToString::to_string).unwrap_or_default();
    let is_of = |name: &&str| file.contains(&format!("{name}.wasm")) || config["name"] == **name;
    SECTION_NAMES.iter().copied().find(is_of)
}

/// Returns whether an entry is a filter of a dynamic module: the native build.
fn is_native(filter: &Value) -> bool {
    filter.pointer("/typed_config/dynamic_module_config").is_some()
}

/// Returns the document of one of Tollgate's filters.
fn document_in(filter: &Value) -> &Value {
    let pointer = if is_native(filter) { "/filter_config/value" } else { "/config/configuration/value" };
    at(at(filter, "/typed_config"), pointer)
}

fn chain(location: &str, filters: &[Value], warnings: &mut Vec<Warning>) {
    let ours: Vec<Option<&str>> = filters.iter().map(which).collect();
    if let Some(late) = out_of_order(&ours) {
        warnings.push(Warning::new(format!("{location}[{late}]"), ORDER));
    }
    let cors = filters.iter().position(|filter| filter["name"] == "envoy.filters.http.cors");
    if let (Some(cors), Some(first)) = (cors, ours.iter().position(Option::is_some))
        && cors > first
    {
        let text = "the cors filter must come before Tollgate's, or a browser cannot read their responses";
        warnings.push(Warning::new(format!("{location}[{cors}]"), text));
    }
    for (number, filter) in filters.iter().enumerate() {
        if which(filter) == Some(GATE) && !ours.contains(&Some(BILLING)) && has_billing(document_in(filter)) {
            warnings.push(Warning::new(format!("{location}[{number}]"), UNSERVED));
        }
        if let Some(name) = which(filter) {
            plugin(&format!("{location}[{number}].typed_config"), name, filter, warnings);
        } else if is_of_module(filter) {
            let known = SECTION_NAMES.join(", ");
            let location = format!("{location}[{number}].typed_config.filter_name");
            warnings.push(Warning::new(location, format!("the module has no such filter: it has {known}")));
        }
    }
}

/// Returns whether an entry loads Tollgate's dynamic module.
fn is_of_module(filter: &Value) -> bool {
    filter
        .pointer("/typed_config/dynamic_module_config")
        .is_some_and(|module| module.to_string().contains("tollgate"))
}

/// Checks the settings of one filter. They have the same names on Istio.
pub(super) fn plugin(location: &str, name: &str, filter: &Value, warnings: &mut Vec<Warning>) {
    match is_native(filter) {
        true => native_filter(location, filter, warnings),
        false => wasm_filter(&format!("{location}.config"), name, filter, warnings),
    }
}

/// Checks the settings of a filter of the dynamic module. Envoy holds its requests back without a setting,
/// and it sees Envoy's whole environment.
fn native_filter(location: &str, filter: &Value, warnings: &mut Vec<Warning>) {
    let module = at(filter, "/typed_config/dynamic_module_config");
    if module["do_not_close"] != true {
        let text =
            "write true: otherwise an update of the listener can lose the counters and the processed events";
        warnings.push(Warning::new(format!("{location}.dynamic_module_config.do_not_close"), text));
    }
    if document_of(document_in(filter)).is_none() {
        warnings.push(Warning::new(format!("{location}.filter_config"), FORGOTTEN));
    }
}

fn wasm_filter(location: &str, name: &str, filter: &Value, warnings: &mut Vec<Warning>) {
    let config = at(filter, "/typed_config/config");
    if config["failure_policy"] != "FAIL_RELOAD" {
        let text = "write FAIL_RELOAD: otherwise a crashed VM responds with 503 until Envoy restarts, or lets requests pass";
        warnings.push(Warning::new(format!("{location}.failure_policy"), text));
    }
    if READERS.contains(&name) && config["allow_on_headers_stop_iteration"] != true {
        let text = format!("write `allow_on_headers_stop_iteration: true`, or {}", not_held(name));
        warnings.push(Warning::new(format!("{location}.allow_on_headers_stop_iteration"), text));
    }
    let Some(document) = document_of(document_in(filter)) else {
        warnings.push(Warning::new(format!("{location}.configuration"), FORGOTTEN));
        return;
    };
    let environment = at(config, "/vm_config/environment_variables");
    let mut passed: Vec<&str> =
        environment["host_env_keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    passed.extend(environment["key_values"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()));
    for variable in callouts::unseen(name, &document, &passed) {
        let location = format!("{location}.vm_config.environment_variables.host_env_keys");
        warnings.push(Warning::unseen(location, &variable));
    }
}

/// Warns if a cluster that a document calls is missing or its certificate is not verified.
fn cluster(named: &Named, clusters: &[&Value]) -> Option<Warning> {
    let name = &named.cluster;
    match clusters.iter().find(|cluster| cluster["name"] == **name) {
        None => Some(Warning::new(&*named.location, format!("this file has no cluster {name:?}"))),
        Some(cluster) if named.needs_tls() => tls(name, cluster),
        Some(_) => None,
    }
}

fn tls(name: &str, cluster: &Value) -> Option<Warning> {
    let location = |field: &str| format!("cluster {name}{field}");
    let Some(socket) = cluster.get("transport_socket") else {
        let text =
            "there is no TLS: keys and responses can be read in transit, and anyone on the path can respond";
        return Some(Warning::new(location(".transport_socket"), text));
    };
    let context = at(socket, "/typed_config/common_tls_context/validation_context");
    let verified = context.get("trusted_ca").is_some() || context.get("system_root_certs").is_some();
    let named = context.get("match_typed_subject_alt_names").is_some()
        || at(socket, "/typed_config/auto_sni_san_validation") == true
        || cluster.to_string().contains(r#""auto_san_validation":true"#);
    if verified && named {
        return None;
    }
    let text = "the certificate is not verified: add a `trusted_ca` and `match_typed_subject_alt_names` to \
        `validation_context`, or anyone on the path can respond";
    Some(Warning::new(location(".transport_socket"), text))
}
