//! Warnings about Istio's resources around Tollgate's filters.

pub(super) mod placement;
pub(super) mod selectors;

use super::finding::{Finding, FindingKind, Location};
use super::{at, envoy};
use crate::check::document::callouts::{self, Named};
use crate::check::envoy::credentials;
use crate::check::filters::{
    BILLING, GATE, ORDER, READERS, UNSERVED, document_of, has_billing, needed_document, not_held,
};
use crate::check::input::resource::{Resource, of_kind, which};
use serde_json::Value;

/// Returns all findings about Istio's resources, whose documents name these clusters.
pub(super) fn findings(resources: &[Resource<'_>], named: &[Named]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for plugin in of_kind(resources, "WasmPlugin") {
        wasm_plugin(plugin, &mut findings);
    }
    let has_gate = of_kind(resources, "WasmPlugin").any(|plugin| filter(plugin) == Some(GATE));
    for patches in of_kind(resources, "EnvoyFilter") {
        envoy_filter(patches, has_gate, &mut findings);
    }
    findings.extend(order(resources));
    findings.extend(unserved(resources));
    findings.extend(placement::findings(resources));
    let describes_apis = |kind| of_kind(resources, kind).next().is_some();
    if describes_apis("ServiceEntry") || describes_apis("DestinationRule") {
        for named in named {
            findings.extend(cluster(named, resources));
        }
        findings.extend(credentials_of(named, resources));
    }
    findings
}

/// Returns Tollgate's filters in these WasmPlugins. Those in EnvoyFilters are Envoy's own.
pub(super) fn filters(resources: &[Resource<'_>]) -> impl Iterator<Item = &'static str> {
    // One with the name of another is found by both: that it is wrong is an error of its own.
    of_kind(resources, "WasmPlugin")
        .flat_map(|plugin| ["/pluginName", "/url"].map(|name| which(&[plugin.spec(name)])))
        .flatten()
}

/// Returns whether a WasmPlugin has a document, and is none of Tollgate's by its name and its image.
pub(super) fn has_unnamed(resources: &[Resource<'_>]) -> bool {
    of_kind(resources, "WasmPlugin")
        .any(|plugin| filter(plugin).is_none() && document_of(plugin.spec("/pluginConfig")).is_some())
}

/// Returns which of Tollgate's filters a WasmPlugin is.
pub(in crate::check) fn filter(plugin: Resource<'_>) -> Option<&'static str> {
    which(&[plugin.spec("/pluginName"), plugin.spec("/url")])
}

fn wasm_plugin(plugin: Resource<'_>, findings: &mut Vec<Finding>) {
    let Some(name) = filter(plugin) else { return };
    if READERS.contains(&name) {
        let text = format!(
            "a WasmPlugin cannot hold a request back, so {}; insert {name} by an EnvoyFilter with \
             `allow_on_headers_stop_iteration: true`, as envoy/istio/tollgate.yaml does",
            not_held(name)
        );
        findings.push(Finding::new(FindingKind::HeadersNotHeld, plugin.location("spec"), text));
        return;
    }
    if *plugin.spec("/failStrategy") == "FAIL_OPEN" {
        let text = "write FAIL_RELOAD: while the plugin is missing or broken, every request would pass: FAIL_OPEN lets them pass";
        findings.push(Finding::new(FindingKind::FailOpen, plugin.location("spec.failStrategy"), text));
    } else if *plugin.spec("/failStrategy") != "FAIL_RELOAD" {
        let text = "write FAIL_RELOAD: otherwise a crashed VM refuses all requests until the pod restarts, or lets them pass";
        findings.push(Finding::new(FindingKind::FailurePolicy, plugin.location("spec.failStrategy"), text));
    }
    if *plugin.spec("/phase") != "AUTHN" {
        let text = "write AUTHN: in a later phase Istio's own authorization sees requests before the gate decides on them";
        findings.push(Finding::new(FindingKind::Phase, plugin.location("spec.phase"), text));
    }
    let location = plugin.location("spec.pluginConfig");
    let document = match needed_document(name, plugin.spec("/pluginConfig"), location) {
        Ok(document) => document,
        Err(missing) => {
            findings.push(missing);
            return;
        }
    };
    // Without `valueFrom: HOST`, the value is the one here, or empty.
    let has_value = |variable: &&Value| {
        variable["valueFrom"] == "HOST" || variable["value"].as_str().is_some_and(|value| !value.is_empty())
    };
    let variables = plugin.list("/vmConfig/env").iter().filter(has_value);
    let passed: Vec<&str> = variables.filter_map(|variable| variable["name"].as_str()).collect();
    for variable in callouts::unseen(name, &document, &passed) {
        findings.push(Finding::unseen(plugin.location("spec.vmConfig.env"), &variable));
    }
}

fn envoy_filter(patches: Resource<'_>, has_gate: bool, findings: &mut Vec<Finding>) {
    let mut reads_bodies = false;
    for (number, patch) in patches.list("/configPatches").iter().enumerate() {
        let value = at(patch, "/patch/value");
        if let Some(name) = envoy::which(value) {
            let location = |path: &str| {
                patches.location(&format!("spec.configPatches[{number}].patch.value.typed_config{path}"))
            };
            envoy::settings::plugin(&location, name, value, findings);
            reads_bodies |= READERS.contains(&name);
        }
    }
    for (number, patch) in patches.list("/configPatches").iter().enumerate() {
        let is_late = patch["applyTo"] == "HTTP_FILTER" && at(patch, "/patch/operation") != "INSERT_FIRST";
        if reads_bodies && has_gate && is_late {
            let location = patches.location(&format!("spec.configPatches[{number}].patch.operation"));
            findings.push(Finding::new(
                FindingKind::FilterOrder,
                location,
                format!("write INSERT_FIRST: {ORDER}"),
            ));
        }
    }
}

/// Warns of each filter that is inserted before the one that it must follow. Istio applies EnvoyFilters by
/// their `priority`, those of the same by their age, and the patches of one in their order; what is inserted
/// last comes first.
fn order(resources: &[Resource<'_>]) -> Vec<Finding> {
    let filters: Vec<(Resource<'_>, usize)> =
        READERS.iter().filter_map(|filter| inserted(filter, resources)).collect();
    let priority = |patches: Resource<'_>| patches.spec("/priority").as_i64().unwrap_or(0);
    let pairs = filters.iter().zip(filters.iter().skip(1));
    let misplaced = pairs.filter(|((first, after), (second, before))| {
        match (first.name(), first.namespace()) == (second.name(), second.namespace()) {
            true => before >= after,
            false => priority(*second) >= priority(*first),
        }
    });
    let warning = |((first, _), (second, _)): (&(Resource<'_>, usize), &(Resource<'_>, usize))| {
        let text = format!(
            "write a lower one than that of {}, as what is inserted last comes first: {ORDER}",
            first.name()
        );
        Finding::new(FindingKind::FilterOrder, second.location("spec.priority"), text)
    };
    misplaced.map(warning).collect()
}

/// Warns if the gate's document has billing endpoints and none of the file's EnvoyFilters inserts their
/// filter.
fn unserved(resources: &[Resource<'_>]) -> Option<Finding> {
    of_kind(resources, "EnvoyFilter").next()?;
    let gate = of_kind(resources, "WasmPlugin").find(|plugin| filter(*plugin) == Some(GATE))?;
    let is_unserved = has_billing(gate.spec("/pluginConfig")) && inserted(BILLING, resources).is_none();
    is_unserved
        .then(|| Finding::new(FindingKind::MissingFilter, gate.location("spec.pluginConfig"), UNSERVED))
}

/// Returns the EnvoyFilter that inserts a filter, and the index of the patch.
fn inserted<'a>(filter: &str, resources: &[Resource<'a>]) -> Option<(Resource<'a>, usize)> {
    let patches = || of_kind(resources, "EnvoyFilter").flat_map(|each| each.list("/configPatches"));
    // A filter whose configuration is discovered has only a name there; the extension with this name has the
    // rest.
    let is_it = |value: &Value| {
        let extension = || {
            patches().map(|patch| at(patch, "/patch/value")).filter(|other| other["name"] == value["name"])
        };
        envoy::which(value).or_else(|| extension().find_map(envoy::which)) == Some(filter)
    };
    of_kind(resources, "EnvoyFilter").find_map(|each| {
        let inserts = |patch: &Value| placement::inserts(patch) && is_it(at(patch, "/patch/value"));
        each.list("/configPatches").iter().position(inserts).map(|number| (each, number))
    })
}

/// Returns the errors about clusters to which no patch adds the API key, or adds it in vain.
fn credentials_of(named: &[Named], resources: &[Resource<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut passed = Vec::new();
    let mut with_injector: Vec<(&Value, Location, &Value)> = Vec::new();
    for filter in of_kind(resources, "EnvoyFilter") {
        for (number, patch) in filter.list("/configPatches").iter().enumerate() {
            let value = at(patch, "/patch/value");
            passed.extend(credentials::passed_variables(value));
            let is_merged = patch["applyTo"] == "CLUSTER" && at(patch, "/patch/operation") == "MERGE";
            if is_merged && credentials::has_injector(value) {
                let location = filter.location(&format!("spec.configPatches[{number}].patch.value"));
                findings.extend(credentials::missing_codec(location.clone(), value));
                with_injector.push((at(patch, "/match/cluster/name"), location, value));
            }
        }
    }
    let injector = |cluster: &str| {
        let found = with_injector.iter().find(|(name, ..)| name.is_null() || **name == *cluster);
        found.map(|(_, location, value)| (location.clone(), *value))
    };
    for named in named.iter().filter(|named| named.cluster.starts_with("outbound|") && named.needs_key()) {
        findings.extend(match injector(&named.cluster) {
            Some((location, value)) => credentials::wrong_prefix(location, value),
            None => credentials::missing_credential(named.location.clone(), named, &passed),
        });
    }
    findings.extend(credentials::shared_key(named, &injector));
    findings
}

/// Warns if a cluster that a document calls has no ServiceEntry, or no DestinationRule with TLS.
fn cluster(named: &Named, resources: &[Resource<'_>]) -> Option<Finding> {
    let name = &named.cluster;
    let finding =
        |kind, what: &str| Some(Finding::new(kind, named.location.clone(), format!("{name:?}: {what}")));
    let unknown = |what: &str| finding(FindingKind::UnknownCluster, what);
    let parts: Vec<&str> = name.split('|').collect();
    let ["outbound", port, _, host] = parts[..] else {
        return unknown(
            "Istio names clusters `outbound|443||api.stripe.com`: a ServiceEntry's port and host",
        );
    };
    let port = port.parse::<u64>().ok();
    let makes_it = |entry: &Resource<'_>| {
        let has_port = |listed: &Value| port.is_some() && listed["number"].as_u64() == port;
        placement::is_visible(*entry, resources)
            && entry.list("/hosts").iter().any(|listed| listed == host)
            && entry.list("/ports").iter().any(has_port)
    };
    if !of_kind(resources, "ServiceEntry").any(|entry| makes_it(&entry)) {
        return unknown(
            "no ServiceEntry of these files has that host and port and is exported to the filters' namespace",
        );
    }
    if !named.needs_tls() {
        return None;
    }
    let rule = of_kind(resources, "DestinationRule").find(|rule| *rule.spec("/host") == *host);
    let Some(rule) = rule else {
        let text = "no DestinationRule in this file gives it TLS: keys and responses can be read in transit";
        return finding(FindingKind::NoTls, text);
    };
    let of_port = rule.list("/trafficPolicy/portLevelSettings").iter();
    let of_port = of_port.filter(|settings| at(settings, "/port/number").as_u64() == port);
    let tls = of_port.map(|settings| &settings["tls"]).next().unwrap_or(rule.spec("/trafficPolicy/tls"));
    let is_verified = ["SIMPLE", "MUTUAL"].iter().any(|mode| tls["mode"] == *mode)
        && tls["insecureSkipVerify"] != true
        && tls["subjectAltNames"].as_array().is_some_and(|names| !names.is_empty());
    let text = "the certificate is not verified: write `mode: SIMPLE` and the host under `subjectAltNames`, or anyone on \
        the path can respond";
    let location = rule.location("spec.trafficPolicy.tls");
    if !is_verified {
        return Some(Finding::new(FindingKind::UnverifiedTls, location, text));
    }
    let names: Vec<&str> =
        tls["subjectAltNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let sni: Vec<&str> = tls["sni"].as_str().into_iter().collect();
    [names, sni].iter().find_map(|names| named.wrong_host(location.clone(), names))
}
