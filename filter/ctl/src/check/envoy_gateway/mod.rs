//! Finds likely mistakes around Tollgate's filters in Envoy Gateway's resources.

mod resources;

use super::at;
use super::envoy;
use super::finding::{Finding, FindingKind, Location};
use crate::check::document::callouts::{self, Named};
use crate::check::envoy::credentials;
use crate::check::filters::{
    BILLING, GATE, ORDER, READERS, UNSERVED, document_of, has_billing, needed_document, not_held,
    out_of_order,
};
use crate::check::input::resource::{Resource, of_kind, which};
use serde_json::Value;
use tollgate_core::config::SECTION_NAMES;

/// Returns all findings about Envoy Gateway's resources, whose documents name these clusters.
pub(super) fn findings(resources: &[Resource<'_>], named: &[Named]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for policy in of_kind(resources, "EnvoyExtensionPolicy") {
        extension_policy(policy, resources, &mut findings);
    }
    findings.extend(resources::findings(resources));
    if of_kind(resources, "EnvoyExtensionPolicy").next().is_some()
        && of_kind(resources, "HTTPRoute").next().is_some()
    {
        for named in named {
            cluster(named, resources, &mut findings);
        }
    }
    findings
}

/// Returns Tollgate's filters in these policies.
pub(super) fn filters(resources: &[Resource<'_>]) -> impl Iterator<Item = &'static str> {
    // One with the name of another is found by both: that it is wrong is an error of its own.
    let plugins = of_kind(resources, "EnvoyExtensionPolicy").flat_map(|policy| policy.list("/wasm"));
    plugins
        .flat_map(|plugin| ["/name", "/rootID", "/code/image/url"].map(|name| which(&[at(plugin, name)])))
        .flatten()
}

/// Returns whether a plugin has a document, and is none of Tollgate's by its name and its image.
pub(super) fn has_unnamed(resources: &[Resource<'_>]) -> bool {
    let mut plugins = of_kind(resources, "EnvoyExtensionPolicy").flat_map(|policy| policy.list("/wasm"));
    plugins.any(|plugin| filter_of(plugin).is_none() && document_of(&plugin["config"]).is_some())
}

fn extension_policy(policy: Resource<'_>, resources: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let plugins = policy.list("/wasm");
    let ours: Vec<Option<&str>> = plugins.iter().map(filter_of).collect();
    if let Some(late) = out_of_order(&ours) {
        findings.push(Finding::new(
            FindingKind::FilterOrder,
            policy.location(&format!("spec.wasm[{late}]")),
            ORDER,
        ));
    }
    for (number, plugin) in plugins.iter().enumerate() {
        if filter_of(plugin) == Some(GATE) && !ours.contains(&Some(BILLING)) && has_billing(&plugin["config"])
        {
            findings.push(Finding::new(
                FindingKind::MissingFilter,
                policy.location(&format!("spec.wasm[{number}]")),
                UNSERVED,
            ));
        }
        if let Some(name) = filter_of(plugin) {
            wasm(|path| policy.location(&format!("spec.wasm[{number}]{path}")), name, plugin, findings);
        }
    }
    for (number, name) in ours.iter().enumerate() {
        let is_held =
            |name: &str| plugins.get(number).is_some_and(|plugin| holds_back(name, plugin, resources));
        let Some(name) = name.filter(|name| READERS.contains(name) && !is_held(name)) else {
            continue;
        };
        let text = format!(
            "no EnvoyPatchPolicy in this file sets `allow_on_headers_stop_iteration: true` for it, and without it {}; \
             envoy/envoy-gateway/tollgate.yaml has one",
            not_held(name)
        );
        findings.push(Finding::new(
            FindingKind::HeadersNotHeld,
            policy.location(&format!("spec.wasm[{number}]")),
            text,
        ));
    }
    let of_route = policy.list("/targetRefs").iter().any(|target| target["kind"] == "HTTPRoute");
    if ours.contains(&Some(GATE)) && of_route {
        let text = "each policy counts separately, and routes without a policy are not guarded: attach one to the Gateway";
        findings.push(Finding::new(FindingKind::PolicyOnRoute, policy.location("spec.targetRefs"), text));
    }
}

fn wasm(location: impl Fn(&str) -> Location, name: &str, plugin: &Value, findings: &mut Vec<Finding>) {
    // The API takes only true and false.
    if !plugin["failOpen"].is_null() && plugin["failOpen"] != false {
        let text = "write false: while the plugin is missing or broken, every request would pass";
        findings.push(Finding::new(FindingKind::FailOpen, location(".failOpen"), text));
    }
    let document = match needed_document(name, &plugin["config"], location(".config")) {
        Ok(document) => document,
        Err(missing) => {
            findings.push(missing);
            return;
        }
    };
    let passed = at(plugin, "/env/hostKeys").as_array().into_iter().flatten();
    let passed: Vec<&str> = passed.filter_map(Value::as_str).collect();
    for variable in callouts::unseen(name, &document, &passed) {
        findings.push(Finding::unseen(location(".env.hostKeys"), &variable));
    }
    findings.extend(envoy::settings::wrong_module(
        location(".code"),
        &plugin["name"],
        &[at(plugin, "/code/image/url")],
    ));
    let passed: Vec<String> = passed.into_iter().map(str::to_owned).collect();
    for (section, cluster) in document.get(name).and_then(Value::as_object).into_iter().flatten() {
        let Some(cluster) = cluster["cluster"].as_str() else { continue };
        let at = Location { shown: format!("{name}.{section}.cluster"), ..Location::default() };
        let named = Named { location: at, cluster: cluster.to_owned(), host: None };
        findings.extend(credentials::missing_credential(location(".env.hostKeys"), &named, &passed));
    }
}

/// Returns which of Tollgate's filters a plugin is.
pub(super) fn filter_of(plugin: &Value) -> Option<&'static str> {
    which(&[&plugin["name"], &plugin["rootID"], at(plugin, "/code/image/url")])
}

/// Returns whether a patch holds the header of that filter back.
fn holds_back(filter: &str, plugin: &Value, resources: &[Resource<'_>]) -> bool {
    is_patched(filter, plugin, "/allow_on_headers_stop_iteration", &|value| *value == true, resources)
}

/// Returns whether a patch gives a setting of that filter a right value. One that names no filter is taken
/// for each.
pub(super) fn is_patched(
    filter: &str,
    plugin: &Value,
    setting: &str,
    is_right: &dyn Fn(&Value) -> bool,
    resources: &[Resource<'_>],
) -> bool {
    let sets = |patch: &Value| {
        let operation = &patch["operation"];
        let path = operation["path"].as_str().unwrap_or_default();
        let selected = operation["jsonPath"].as_str().unwrap_or_default();
        let is_of_it = match root_id(selected) {
            Some(root) => plugin["rootID"] == *root,
            None => selected.contains(filter) || !SECTION_NAMES.iter().any(|name| selected.contains(name)),
        };
        let is_listener = patch["type"].as_str().is_some_and(|kind| kind.ends_with(".Listener"));
        // There is nothing to replace: Envoy Gateway does not write these settings.
        let adds = operation["op"] == "add";
        is_of_it && is_listener && adds && path.ends_with(setting) && is_right(&operation["value"])
    };
    of_kind(resources, "EnvoyPatchPolicy").any(|policy| policy.list("/jsonPatches").iter().any(sets))
}

/// Returns the root id that a JSONPath selects a plugin by, as in `[?(@.config.root_id=='billing')]`.
fn root_id(json_path: &str) -> Option<&str> {
    let (_, after) = json_path.split_once("root_id")?;
    let quoted = after.trim_start().strip_prefix("==")?.trim_start();
    let quote = quoted.chars().next().filter(|quote| "'\"".contains(*quote))?;
    quoted.get(1..)?.split(quote).next()
}

/// Warns if a cluster that a document calls has no route, is open to clients, or has no TLS.
fn cluster(named: &Named, resources: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let name = &named.cluster;
    let mut unknown = |what: &str| {
        findings.push(Finding::new(
            FindingKind::UnknownCluster,
            named.location.clone(),
            format!("{name:?}: {what}"),
        ))
    };
    let parts: Vec<&str> = name.split('/').collect();
    let ["httproute" | "grpcroute", namespace, route, "rule", rule] = parts[..] else {
        return unknown(
            "Envoy Gateway names clusters `httproute/NAMESPACE/NAME/rule/0`: a route and the index of its rule",
        );
    };
    let mut routes = of_kind(resources, "HTTPRoute").chain(of_kind(resources, "GRPCRoute"));
    let may_be_in = |found: &Resource<'_>| found.written_namespace().is_none_or(|own| own == namespace);
    let Some(found) = routes.find(|found| found.name() == route && may_be_in(found)) else {
        return unknown("this file has no such route");
    };
    let number = rule.parse::<usize>().ok();
    let Some(rule) = number.and_then(|number| found.list("/rules").get(number)) else {
        return unknown("the route has no such rule");
    };
    let gateways = || of_kind(resources, "Gateway").filter(|gateway| !gateway.list("/listeners").is_empty());
    let is_attached = |gateway: Resource<'_>| {
        found.list("/parentRefs").iter().any(|parent| parent["name"] == *gateway.name())
    };
    if gateways().next().is_some() && !gateways().any(is_attached) {
        return unknown(
            "the route has no Gateway of these files under `parentRefs`, so there is no such cluster",
        );
    }
    let is_closed = of_kind(resources, "SecurityPolicy").any(|policy| {
        policy.targets("HTTPRoute", route) && *policy.spec("/authorization/defaultAction") == "Deny"
    });
    if !is_closed {
        let text = "anyone can call the API through this route: deny that by a SecurityPolicy with \
                    `authorization: {defaultAction: Deny}`";
        findings.push(Finding::new(FindingKind::OpenRoute, found.location("spec"), text));
    }
    for backend in rule["backendRefs"].as_array().into_iter().flatten() {
        findings.extend(resources::backend(named, found, backend, resources));
    }
}
