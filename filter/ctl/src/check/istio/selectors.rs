//! Which pods Istio's resources are for, and whether the names in them are those of other resources.

use crate::check::at;
use crate::check::finding::{Finding, FindingKind};
use crate::check::input::resource::{Resource, of_kind};
use serde_json::Value;
use tollgate_core::config::SECTION_NAMES;

/// Returns all errors about selectors and extensions.
pub(in crate::check) fn findings(resources: &[Resource<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    selectors(resources, &mut findings);
    extensions(resources, &mut findings);
    findings
}

/// Finds plugins and patches for pods that none of the Gateways is for.
fn selectors(resources: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let gateways: Vec<&Value> = of_kind(resources, "Gateway")
        .map(|gateway| gateway.spec("/selector"))
        .filter(|selector| selector.is_object())
        .collect();
    for (kind, path) in [("EnvoyFilter", "workloadSelector.labels"), ("WasmPlugin", "selector.matchLabels")] {
        let pointer = format!("/{}", path.replace('.', "/"));
        for resource in of_kind(resources, kind) {
            let labels = resource.spec(&pointer);
            if !gateways.is_empty() && gateways.iter().all(|gateway| are_disjoint(labels, gateway)) {
                let text =
                    "no Gateway in these files selects pods with these labels, so this does nothing at them";
                let location = resource.location(&format!("spec.{path}"));
                findings.push(Finding::new(FindingKind::SelectorMismatch, location, text));
            }
        }
    }
}

/// Returns whether no pod can have both sets of labels.
fn are_disjoint(labels: &Value, others: &Value) -> bool {
    let labels = labels.as_object().into_iter().flatten();
    labels.into_iter().any(|(name, value)| others.get(name).is_some_and(|other| other != value))
}

/// Finds filters whose configuration is discovered, and that no patch adds: Envoy waits for them without end.
fn extensions(resources: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let patches = |kind: &'static str| {
        of_kind(resources, "EnvoyFilter").flat_map(move |filter| {
            let patches = filter.list("/configPatches").iter().enumerate();
            patches.filter(move |(_, patch)| patch["applyTo"] == kind).map(move |found| (filter, found))
        })
    };
    let added: Vec<&Value> =
        patches("EXTENSION_CONFIG").map(|(_, (_, patch))| at(patch, "/patch/value/name")).collect();
    for (filter, (number, patch)) in patches("HTTP_FILTER") {
        let value = at(patch, "/patch/value");
        let name = value["name"].as_str().unwrap_or_default();
        let is_ours = SECTION_NAMES.iter().any(|own| name.contains(own));
        if is_ours && value.get("config_discovery").is_some() && !added.contains(&&value["name"]) {
            let text = format!(
                "no EXTENSION_CONFIG patch in these files adds {name:?}: the gateway would wait for it without end"
            );
            let location = filter.location(&format!("spec.configPatches[{number}].patch.value.name"));
            findings.push(Finding::new(FindingKind::MissingExtension, location, text));
        }
    }
}
