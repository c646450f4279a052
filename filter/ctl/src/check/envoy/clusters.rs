//! The clusters of Envoy's own file that the documents call: whether they exist, add the API key, and verify the
//! server.

use crate::check::at;
use crate::check::document::callouts::Named;
use crate::check::envoy::{all, credentials, destinations};
use crate::check::finding::{Base, Finding, FindingKind, Location};
use serde_json::Value;

/// Returns all findings about the clusters that documents name; none for a value without clusters that is not
/// Envoy's own file.
pub(super) fn findings(base: Base<'_>, value: &Value, named: &[Named]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let clusters = clusters(value);
    let is_whole = value.get("static_resources").is_some();
    if is_whole || !clusters.is_empty() {
        let may_be_elsewhere = destinations::has_discovered_clusters(value);
        let is_here = |named: &&Named| clusters.iter().any(|(_, cluster)| cluster["name"] == *named.cluster);
        let passed = credentials::passed_variables(value);
        for named in named.iter().filter(|named| !may_be_elsewhere || is_here(named)) {
            cluster(base, named, &clusters, &passed, &mut findings);
        }
        for (location, cluster) in &clusters {
            findings.extend(credentials::missing_codec(base.at(location), cluster));
        }
        findings.extend(credentials::shared_key(named, &|name| {
            let (location, cluster) = clusters.iter().find(|(_, cluster)| cluster["name"] == *name)?;
            Some((of_cluster(base, location, cluster), *cluster))
        }));
    }
    findings
}

/// Returns every cluster, and its location.
pub(in crate::check) fn clusters(value: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    // A route lists clusters, too.
    let are_destinations = |location: &str| {
        ["weighted_clusters.", "weightedClusters."].iter().any(|name| location.contains(name))
    };
    for (location, list) in all(value, "clusters").into_iter().filter(|(of, _)| !are_destinations(of)) {
        let list = list.as_array().map_or(&[][..], Vec::as_slice).iter().enumerate();
        found.extend(list.map(|(number, cluster)| (format!("{location}[{number}]"), cluster)));
    }
    found
}

/// Returns the location of a cluster, which is shown by its name.
fn of_cluster(base: Base<'_>, location: &str, cluster: &Value) -> Location {
    let shown = format!("cluster {}", cluster["name"].as_str().unwrap_or_default());
    Location { shown, ..base.at(location) }
}

/// Checks the cluster that a document calls: whether it exists, adds the key, and verifies the server.
fn cluster(
    base: Base<'_>,
    named: &Named,
    clusters: &[(String, &Value)],
    passed: &[String],
    findings: &mut Vec<Finding>,
) {
    let name = &named.cluster;
    let Some((location, cluster)) = clusters.iter().find(|(_, cluster)| cluster["name"] == **name) else {
        let text = format!("this file has no cluster {name:?}");
        findings.push(Finding::new(FindingKind::UnknownCluster, named.location.clone(), text));
        return;
    };
    if !credentials::has_injector(cluster) {
        let location = of_cluster(base, location, cluster);
        findings.extend(credentials::missing_credential(location, named, passed));
    }
    if named.needs_key() {
        findings.extend(credentials::wrong_prefix(of_cluster(base, location, cluster), cluster));
    }
    if named.needs_tls() {
        findings.extend(tls(&base.at(location), name, cluster));
        let sni = at(cluster, "/transport_socket/typed_config/sni").as_str();
        let wrong = [server_names(cluster), sni.into_iter().collect()]
            .iter()
            .find_map(|names| named.wrong_host(of_cluster(base, location, cluster), names));
        findings.extend(wrong);
    }
}

/// Returns the names that a server's certificate may have; none if a pattern or another setting decides.
fn server_names(cluster: &Value) -> Vec<&str> {
    let context = at(cluster, "/transport_socket/typed_config/common_tls_context/validation_context");
    let matchers = context["match_typed_subject_alt_names"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Option<Vec<&str>> =
        matchers.iter().map(|matcher| at(matcher, "/matcher/exact").as_str()).collect();
    names.unwrap_or_default()
}

fn tls(location: &Location, name: &str, cluster: &Value) -> Option<Finding> {
    let location = |field: &str| Location {
        shown: format!("cluster {name}{field}"),
        path: format!("{}{field}", location.path),
        ..*location
    };
    let Some(socket) = cluster.get("transport_socket") else {
        let text =
            "there is no TLS: keys and responses can be read in transit, and anyone on the path can respond";
        return Some(Finding::new(FindingKind::NoTls, location(".transport_socket"), text));
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
    Some(Finding::new(FindingKind::UnverifiedTls, location(".transport_socket"), text))
}
