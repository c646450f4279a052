//! Which pods Istio's resources are for.

use crate::check::finding::{Finding, FindingKind};
use crate::check::input::resource::{Resource, of_kind};
use serde_json::Value;

/// Returns all errors about selectors.
pub(in crate::check) fn findings(resources: &[Resource<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    selectors(resources, &mut findings);
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
            let (selector, member) = path.split_once('.').unwrap_or_default();
            if resource.spec("")[selector].is_object() && !labels.is_object() {
                let text = format!(
                    "write the labels under `{member}`: otherwise this is for all pods of the namespace"
                );
                let location = resource.location(&format!("spec.{selector}"));
                findings.push(Finding::new(FindingKind::SelectorMismatch, location, text));
                continue;
            }
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
