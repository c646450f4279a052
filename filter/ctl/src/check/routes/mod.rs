//! Checks of routes for what the gate does not see: a path that is rewritten after it, and a choice by header
//! fields that it removes.

use super::at;
use super::finding::{Base, Finding, FindingKind, Location};
use crate::check::input::resource::{Resource, of_kind};
use crate::document;
use serde_json::Value;

/// The errors in routes, and the warnings about them.
#[derive(Debug, Default)]
pub(super) struct FoundRoutes {
    pub(super) errors: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
    /// The locations of the routes, or of the patches of routes, that name rules.
    pub(super) naming_rules: Vec<Location>,
}

/// A route of any platform.
struct Route {
    location: Location,
    /// The location of the route configuration. A request can only get from this route to another of the
    /// same.
    configuration: String,
    /// Whether it names the rule that guards it.
    names_rule: bool,
    /// Whether a header field of Tollgate selects it.
    is_chosen_by_ours: bool,
    /// The setting that changes the path after the gate.
    rewrite: Option<&'static str>,
}

const CHOSEN: &str = "a route that is chosen by an x-tollgate-* header field cannot be combined with routes that name rules: \
the gate decides by the rule of the route that was chosen first, and its own fields, which it sets after that, select \
another; guard these paths by `path_prefix`, or choose by another field";

const NOT_READ: &str = "the gate does not read the rule that this route names; add `rules_by_route: true` to plan_gate, or \
remove `tollgate.rule` from the route's metadata";

/// Adds the errors and warnings, with those that depend on the documents.
pub(super) fn add(routes: FoundRoutes, documents: &[&Value], findings: &mut Vec<Finding>) {
    findings.extend(routes.errors);
    findings.extend(unread_rules(routes.naming_rules, documents));
    findings.extend(routes.warnings);
}

/// Returns the errors of routes that name rules, if no gate of the file reads them.
fn unread_rules(naming_rules: Vec<Location>, documents: &[&Value]) -> Vec<Finding> {
    let mut gates = documents.iter().filter_map(|document| document.get("plan_gate")).peekable();
    if gates.peek().is_none() || gates.any(reads_routes) {
        return Vec::new();
    }
    naming_rules
        .into_iter()
        .map(|location| Finding::new(FindingKind::UnreadRule, location, NOT_READ))
        .collect()
}

/// Returns whether a gate reads the rules that routes name: the document says so, or a rule has no path.
fn reads_routes(gate: &Value) -> bool {
    let has_no_path = |rule: &Value| rule.get("path").is_none() && rule.get("path_prefix").is_none();
    let rules = gate["rules"].as_array().map_or(&[][..], Vec::as_slice);
    gate["rules_by_route"] == true || rules.iter().any(has_no_path)
}

/// Checks the routes of one configuration of Envoy.
pub(super) fn of_envoy(base: Base<'_>, value: &Value) -> FoundRoutes {
    let mut routes = Vec::new();
    document::walk(value, "", &mut |location, value| {
        if is_without_gate(value) {
            return false;
        }
        if let Some(list) = value.get("routes").and_then(Value::as_array) {
            for (number, route) in list.iter().enumerate().filter(|(_, route)| route.get("match").is_some()) {
                routes.push(envoy_route(base.at(&format!("{location}.routes[{number}]")), route));
            }
        }
        if is_in_tree_of_routes(location) {
            let is_header = is_ours(&value["header_name"]);
            let route = envoy_route(base.at(location), value);
            routes.push(Route { is_chosen_by_ours: route.is_chosen_by_ours || is_header, ..route });
        }
        true
    });
    checked(&routes)
}

/// Returns whether it is a connection manager with all filters inline and without the gate among them.
fn is_without_gate(value: &Value) -> bool {
    let Some(filters) = value.get("http_filters") else { return false };
    let filters = filters.to_string();
    !["plan_gate", "tollgate", "config_discovery"].iter().any(|name| filters.contains(name))
}

/// Returns whether it is in the matching tree by which a virtual host selects routes, instead of in a list of
/// them.
fn is_in_tree_of_routes(location: &str) -> bool {
    let (_, behind) = split_at_virtual_hosts(location).unwrap_or_default();
    behind.split_once(']').is_some_and(|(_, behind)| behind.starts_with(".matcher."))
}

fn envoy_route(location: Location, route: &Value) -> Route {
    const REWRITES: [&str; 4] = ["prefix_rewrite", "regex_rewrite", "path_rewrite_policy", "path_rewrite"];
    let headers = at(route, "/match/headers").as_array().map_or(&[][..], Vec::as_slice);
    let rewrites = |name: &&str| route["route"].get(name).is_some();
    Route {
        configuration: configuration(&location.path),
        location,
        names_rule: names_rule(route),
        is_chosen_by_ours: headers.iter().any(|header| is_ours(&header["name"])),
        rewrite: REWRITES.into_iter().find(rewrites),
    }
}

/// Returns the location of the route configuration that a location is in. No request gets from one to
/// another.
fn configuration(location: &str) -> String {
    split_at_virtual_hosts(location).map_or("", |(configuration, _)| configuration).to_owned()
}

fn split_at_virtual_hosts(location: &str) -> Option<(&str, &str)> {
    location.split_once("virtual_hosts[")
}

/// Checks the routes in resources of Istio and of the Gateway API.
pub(super) fn of_resources(resources: &[Resource<'_>]) -> FoundRoutes {
    let patched = patches(resources);
    let mut routes = Vec::new();
    for service in of_kind(resources, "VirtualService") {
        for (number, route) in service.list("/http").iter().enumerate() {
            routes.push(istio_route(service.location(&format!("spec.http[{number}]")), route, &patched));
        }
    }
    for kind in ["HTTPRoute", "GRPCRoute"] {
        for resource in of_kind(resources, kind) {
            for (number, rule) in resource.list("/rules").iter().enumerate() {
                let location = resource.location(&format!("spec.rules[{number}]"));
                routes.push(gateway_route(location, rule, resource, resources, !patched.is_empty()));
            }
        }
    }
    let mut found = checked(&routes);
    if !patched.is_empty() && !routes.iter().any(|route| route.names_rule) {
        // A patch names a rule for a route that is not in this file, or that cannot be determined.
        let chosen = routes.iter().filter(|route| route.is_chosen_by_ours);
        found.errors.extend(chosen.map(chosen_by_ours));
    }
    // The patch names the rule, so it is what must change.
    found.naming_rules = patched.into_iter().map(|patch| patch.location).collect();
    found
}

/// A patch that names the rule of a route.
struct RulePatch {
    location: Location,
    /// The name of the route; empty if the patch has none.
    route: String,
}

/// Returns the patches that name the rule of a route.
fn patches(resources: &[Resource<'_>]) -> Vec<RulePatch> {
    let mut found = Vec::new();
    for filter in of_kind(resources, "EnvoyFilter") {
        for (number, patch) in filter.list("/configPatches").iter().enumerate() {
            if names_rule(at(patch, "/patch/value")) {
                let route = at(patch, "/match/routeConfiguration/vhost/route/name");
                let location = filter.location(&format!("spec.configPatches[{number}]"));
                found.push(RulePatch { location, route: route.as_str().unwrap_or_default().to_owned() });
            }
        }
    }
    for policy in of_kind(resources, "EnvoyPatchPolicy") {
        for (number, patch) in policy.list("/jsonPatches").iter().enumerate() {
            let path = at(patch, "/operation/path").as_str().unwrap_or_default();
            if names_rule(at(patch, "/operation/value")) || path.contains("filter_metadata") {
                let location = policy.location(&format!("spec.jsonPatches[{number}]"));
                found.push(RulePatch { location, route: String::new() });
            }
        }
    }
    found
}

fn istio_route(location: Location, route: &Value, patched: &[RulePatch]) -> Route {
    let name = route["name"].as_str().unwrap_or_default();
    let matches = route["match"].as_array().map_or(&[][..], Vec::as_slice);
    let fields = matches.iter().flat_map(|found| [&found["headers"], &found["withoutHeaders"]]);
    let mut names = fields.filter_map(Value::as_object).flat_map(|fields| fields.keys());
    let rewrite = &route["rewrite"];
    let changes_path = rewrite.get("uri").is_some() || rewrite.get("uriRegexRewrite").is_some();
    Route {
        location,
        configuration: String::new(),
        names_rule: patched.iter().any(|patch| patch.route.is_empty() || patch.route == name),
        is_chosen_by_ours: names.any(|name| is_ours_by_name(name)),
        rewrite: changes_path.then_some("rewrite"),
    }
}

fn gateway_route(
    location: Location,
    rule: &Value,
    route: Resource<'_>,
    resources: &[Resource<'_>],
    is_patched: bool,
) -> Route {
    let list = |name: &str| rule[name].as_array().map_or(&[][..], Vec::as_slice);
    let headers = list("matches").iter().filter_map(|found| found["headers"].as_array()).flatten();
    let changes_path = |filter: &Value| match filter["type"].as_str() {
        Some("URLRewrite") => at(filter, "/urlRewrite/path").is_object(),
        Some("ExtensionRef") => of_kind(resources, "HTTPRouteFilter").any(|extension| {
            *at(filter, "/extensionRef/name") == *extension.name()
                && extension.namespace() == route.namespace()
                && extension.spec("/urlRewrite/path").is_object()
        }),
        _ => false,
    };
    Route {
        location,
        configuration: String::new(),
        names_rule: is_patched,
        is_chosen_by_ours: headers.into_iter().any(|header| is_ours(&header["name"])),
        rewrite: list("filters").iter().any(changes_path).then_some("URLRewrite"),
    }
}

fn checked(routes: &[Route]) -> FoundRoutes {
    let mut found = FoundRoutes::default();
    for route in routes {
        if route.names_rule {
            found.naming_rules.push(route.location.clone());
        }
        let is_beside = |other: &Route| other.names_rule && other.configuration == route.configuration;
        if route.is_chosen_by_ours && routes.iter().any(is_beside) {
            found.errors.push(chosen_by_ours(route));
        }
        if let (Some(rewrite), false) = (route.rewrite, route.names_rule) {
            let text = format!(
                "`{rewrite}` changes the path after the gate, which decides by the path that the client sent; name the rule at \
                the route (metadata.filter_metadata.tollgate.rule, with `rules_by_route: true`), or guarded paths may be reachable by this one"
            );
            found.warnings.push(Finding::new(FindingKind::RewrittenPath, route.location.clone(), text));
        }
    }
    found
}

fn chosen_by_ours(route: &Route) -> Finding {
    Finding::new(FindingKind::RouteByOwnHeader, route.location.clone(), CHOSEN)
}

fn names_rule(value: &Value) -> bool {
    at(value, "/metadata/filter_metadata/tollgate/rule").is_string()
}

fn is_ours(name: &Value) -> bool {
    name.as_str().is_some_and(is_ours_by_name)
}

fn is_ours_by_name(name: &str) -> bool {
    name.to_ascii_lowercase().replace('_', "-").starts_with("x-tollgate-")
}

#[cfg(test)]
mod tests;
