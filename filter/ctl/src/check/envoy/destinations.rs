//! Whether the clusters of Envoy's own file are those that its routes lead to, each once.

use crate::check::at;
use crate::check::envoy::clusters;
use crate::check::finding::{Base, Finding, FindingKind};
use crate::document;
use serde_json::Value;

/// Returns the errors with which Envoy would not start; none if the value is not Envoy's own file.
pub(in crate::check) fn findings(base: Base<'_>, value: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    if value.get("static_resources").is_none() {
        return findings;
    }
    let clusters = clusters::clusters(value);
    for (number, (location, cluster)) in clusters.iter().enumerate() {
        let before = clusters.iter().take(number);
        if cluster["name"].is_string()
            && before.into_iter().any(|(_, other)| other["name"] == cluster["name"])
        {
            let text = format!("another cluster is named {}, too: Envoy does not start", cluster["name"]);
            findings.push(Finding::new(
                FindingKind::RepeatedName,
                base.at(&format!("{location}.name")),
                text,
            ));
        }
    }
    if has_discovered_clusters(value) {
        return findings;
    }
    let is_known = |name: &Value| clusters.iter().any(|(_, cluster)| cluster["name"] == *name);
    document::walk(value, "", &mut |location, route| {
        if route["validate_clusters"] == false {
            return false;
        }
        for (path, name) in leads_to(route) {
            if !is_known(name) {
                let text = format!("this file has no cluster {name}: Envoy does not start");
                let location = base.at(&format!("{location}{path}"));
                findings.push(Finding::new(FindingKind::UnknownCluster, location, text));
            }
        }
        true
    });
    findings
}

/// Returns whether Envoy gets clusters from elsewhere, which the file does not have.
pub(super) fn has_discovered_clusters(value: &Value) -> bool {
    ["/dynamic_resources/cds_config", "/dynamic_resources/ads_config"]
        .iter()
        .any(|pointer| value.pointer(pointer).is_some())
}

/// Returns the clusters that a route leads to, with their paths in it; none for any other value.
fn leads_to(value: &Value) -> Vec<(String, &Value)> {
    if value.get("match").is_none() {
        return Vec::new();
    }
    let mut found = vec![(".route.cluster".to_owned(), at(value, "/route/cluster"))];
    for (list, name) in [("weighted_clusters/clusters", "name"), ("request_mirror_policies", "cluster")] {
        let entries = at(value, &format!("/route/{list}")).as_array().into_iter().flatten().enumerate();
        let path = |number: usize| format!(".route.{}[{number}].{name}", list.replace('/', "."));
        found.extend(entries.map(|(number, entry)| (path(number), &entry[name])));
    }
    found.retain(|(_, name)| name.is_string());
    found
}
