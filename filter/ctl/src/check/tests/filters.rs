//! Sections without their filter, and filters without their document, on each platform.

use super::documents::document;
use super::{OF_THE_EXAMPLE, shipped_file, shipped_values, verdict};
use crate::check::finding::{Finding, FindingKind};
use serde_json::Value;

#[test]
fn a_billing_section_without_its_filter_causes_a_warning() {
    let is_of = |resource: &Value, name: &str| resource["metadata"]["name"] == name;
    let filters = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let without_billing = |file| {
        let mut values = shipped_values(file);
        values[0].pointer_mut(filters).unwrap().as_array_mut().unwrap().remove(3);
        values
    };
    let mut istio = shipped_values("istio/tollgate.yaml");
    istio[0]["items"].as_array_mut().unwrap().retain(|resource| !is_of(resource, "tollgate-billing"));
    let mut gateway = shipped_values("envoy-gateway/tollgate.yaml");
    let policy = gateway.iter_mut().find(|resource| resource["kind"] == "EnvoyExtensionPolicy").unwrap();
    policy["spec"]["wasm"].as_array_mut().unwrap().remove(2);
    for (file, values, location) in [
        ("standalone.yaml", without_billing("standalone.yaml"), "http_filters[3]"),
        ("standalone-native.yaml", without_billing("standalone-native.yaml"), "http_filters[3]"),
        ("istio/tollgate.yaml", istio, "WasmPlugin tollgate-plan-gate: spec.pluginConfig"),
        ("envoy-gateway/tollgate.yaml", gateway, "EnvoyExtensionPolicy tollgate: spec.wasm[2]"),
    ] {
        let text: Vec<String> = values.iter().map(ToString::to_string).collect();
        let warnings = verdict(&text.join("\n---\n")).all();
        assert_eq!(warnings.len(), 1 + OF_THE_EXAMPLE, "{file}: {warnings:?}");
        let is_it = |warning: &Finding| {
            warning.location.shown.ends_with(location) && warning.text.contains("no filter `billing`")
        };
        assert!(warnings.iter().any(is_it), "{file}: {warnings:?}");
    }
}

#[test]
fn a_section_without_its_filter_causes_a_warning() {
    let is_of = |resource: &Value, name: &str| resource["metadata"]["name"] == name;
    let filters = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    for (section, index, plugin) in [("stripe_webhook", 1, 0), ("clerk_webhook", 2, 1), ("plan_gate", 4, 3)] {
        let without = |file| {
            let mut values = shipped_values(file);
            values[0].pointer_mut(filters).unwrap().as_array_mut().unwrap().remove(index);
            values
        };
        let mut istio = shipped_values("istio/tollgate.yaml");
        let name = format!("tollgate-{}", section.replace('_', "-"));
        istio[0]["items"].as_array_mut().unwrap().retain(|resource| !is_of(resource, &name));
        let mut gateway = shipped_values("envoy-gateway/tollgate.yaml");
        let policy = gateway.iter_mut().find(|resource| resource["kind"] == "EnvoyExtensionPolicy").unwrap();
        policy["spec"]["wasm"].as_array_mut().unwrap().remove(plugin);
        for (file, values) in [
            ("standalone.yaml", without("standalone.yaml")),
            ("standalone-native.yaml", without("standalone-native.yaml")),
            ("istio/tollgate.yaml", istio),
            ("envoy-gateway/tollgate.yaml", gateway),
        ] {
            let text: Vec<String> = values.iter().map(ToString::to_string).collect();
            let warnings = verdict(&text.join("\n---\n")).all();
            let unserved = format!("there is no filter `{section}`");
            let found = warnings.iter().filter(|warning| warning.text.contains(&unserved)).count();
            assert_eq!((found, warnings.len()), (1, 1 + OF_THE_EXAMPLE), "{section}, {file}: {warnings:?}");
        }
    }
    // A document alone has no filters.
    let alone = verdict(&document(|_| {})).all();
    assert!(alone.iter().all(|finding| ![FindingKind::UnservedWebhook, FindingKind::UnservedGate].contains(&finding.kind)), "{alone:?}");
}

#[test]
fn a_filter_without_a_document_causes_a_warning() {
    for (file, from, location) in [
        (
            "standalone.yaml",
            "configuration: {\"@type\": type.googleapis.com/google.protobuf.Struct, value: *tollgate}",
            "x",
        ),
        (
            "standalone-native.yaml",
            "filter_config: {\"@type\": type.googleapis.com/google.protobuf.Struct, value: *tollgate}",
            "filter clerk_webhook: filter_config",
        ),
        ("istio/tollgate.yaml", "pluginConfig: *tollgate", "spec.pluginConfig"),
        ("envoy-gateway/tollgate.yaml", "    config: *tollgate", "spec.wasm[1].config"),
    ] {
        let warnings = verdict(&shipped_file(file, from, "")).all();
        let found: Vec<_> =
            warnings.iter().filter(|warning| warning.text.contains("does not start")).collect();
        assert_eq!(found.len(), 1, "{file}: {warnings:?}");
        assert!(location == "x" || found[0].location.shown.ends_with(location), "{:?}", found[0]);
    }
}
