//! Fields of Envoy's own file that are misspelled or stand in another place, so that a part of the file would not
//! be checked. Envoy refuses them all; `--envoy` finds the others.

use crate::check::envoy;
use crate::check::filters::document_of;
use crate::check::finding::{Base, Finding, FindingKind};
use crate::document;
use serde_json::Value;

/// The fields of `static_resources`.
const RESOURCES: [&str; 3] = ["listeners", "clusters", "secrets"];
/// Fields on the way to the filters and around the clusters. No field of Envoy's has nearly the same name.
const NAMES: [&str; 14] = [
    "static_resources",
    "filter_chains",
    "http_filters",
    "typed_config",
    "route_config",
    "virtual_hosts",
    "transport_socket",
    "load_assignment",
    "common_tls_context",
    "validation_context",
    "vm_config",
    "environment_variables",
    "host_env_keys",
    "failure_policy",
];

/// Returns the errors about Envoy's own file; none for any other value.
pub(in crate::check) fn findings(base: Base<'_>, value: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_of_envoy = value.get("static_resources").is_some() || !envoy::filters(value).is_empty();
    if value.get("kind").is_some() || !is_of_envoy {
        return findings;
    }
    let mut add = |location: &str, text: String| {
        findings.push(Finding::new(FindingKind::UnknownField, base.at(location), text));
    };
    let resources = value.get("static_resources").and_then(Value::as_object);
    for name in resources.into_iter().flatten().map(|(name, _)| name) {
        if !RESOURCES.contains(&name.as_str()) {
            let text = format!("Envoy has no such field here; it has {}", RESOURCES.join(", "));
            add(&document::member("static_resources", name), text);
        }
    }
    for name in RESOURCES.iter().filter(|name| resources.is_some() && value.get(**name).is_some()) {
        add(name, "it belongs into `static_resources`: Envoy has no such field here".to_owned());
    }
    document::walk(value, "", &mut |location, found| {
        let is_document = document_of(found).is_some();
        for name in found.as_object().filter(|_| !is_document).into_iter().flatten().map(|(name, _)| name) {
            // One letter more, less, or other.
            if let Some(known) = NAMES.iter().find(|known| strsim::levenshtein(name, known) == 1) {
                add(&document::member(location, name), format!("did you mean `{known}`?"));
            }
        }
        !is_document
    });
    findings
}
