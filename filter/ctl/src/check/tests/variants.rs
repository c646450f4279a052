//! The shipped files with one defect each: each defect causes exactly the error or warning of its name.

mod envoy;
mod envoy_gateway;
mod istio;

use super::{shipped_file, shipped_values, verdict};
use crate::check::finding::FindingKind as K;
use envoy::OF_ENVOY;
use envoy_gateway::OF_GATEWAY;
use istio::OF_ISTIO;
use serde_json::Value;

/// The file, the text in it and what replaces it, and the only finding.
type Variant = (&'static str, &'static str, &'static str, K);

const ENVOY: &str = "standalone.yaml";
const NATIVE: &str = "standalone-native.yaml";
const ISTIO: &str = "istio/tollgate.yaml";
const GATEWAY: &str = "envoy-gateway/tollgate.yaml";

#[test]
fn each_defect_of_a_shipped_file_has_its_name() {
    let mut wrong: Vec<String> = Vec::new();
    for (file, from, to, kind) in OF_ENVOY.into_iter().chain(OF_ISTIO).chain(OF_GATEWAY) {
        let found = verdict(&shipped_file(file, from, to)).all();
        let mut kinds: Vec<K> = found.iter().map(|finding| finding.kind).collect();
        // An anchor's value, and a Gateway's labels, are those of several.
        kinds.dedup();
        if kinds != [kind] {
            wrong.push(format!("{file}: {from} -> {to}: {kind:?}, but found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Removes a section from every document in a value.
fn remove_section(value: &mut Value, section: &str) {
    match value {
        Value::Object(members) if members.contains_key("plans") => drop(members.remove(section)),
        Value::Object(members) => members.values_mut().for_each(|value| remove_section(value, section)),
        Value::Array(items) => items.iter_mut().for_each(|value| remove_section(value, section)),
        _ => {}
    }
}

#[test]
fn a_filter_whose_section_the_document_lacks_is_an_error() {
    for file in [ENVOY, NATIVE, ISTIO, GATEWAY] {
        for section in ["stripe_webhook", "clerk_webhook", "billing"] {
            let mut values = shipped_values(file);
            values.iter_mut().for_each(|value| remove_section(value, section));
            let text: Vec<String> = values.iter().map(ToString::to_string).collect();
            let found = verdict(&text.join("\n---\n")).all();
            let [error] = found.as_slice() else { panic!("{file}, {section}: {found:?}") };
            assert_eq!(error.kind, K::MissingSection, "{file}, {section}: {error:?}");
            assert!(error.text.contains(&format!("no section `{section}`")), "{error:?}");
        }
    }
}
