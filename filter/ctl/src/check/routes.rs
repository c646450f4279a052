//! Checks of routes for what the gate does not see: a path that is rewritten after it, and a choice by header
//! fields that it removes.

use super::at;
use super::finding::{Base, Finding, FindingKind, Location};
use super::resource::{Resource, of_kind};
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
            let is_header = ["header_name", "headerName"].iter().any(|name| is_ours(&value[name]));
            let route = envoy_route(base.at(location), value);
            routes.push(Route { is_chosen_by_ours: route.is_chosen_by_ours || is_header, ..route });
        }
        true
    });
    checked(&routes)
}

/// Returns whether it is a connection manager with all filters inline and without the gate among them.
fn is_without_gate(value: &Value) -> bool {
    let Some(filters) = value.get("http_filters").or_else(|| value.get("httpFilters")) else { return false };
    let filters = filters.to_string();
    !["plan_gate", "tollgate", "config_discovery", "configDiscovery"]
        .iter()
        .any(|name| filters.contains(name))
}

/// Returns whether it is in the matching tree by which a virtual host selects routes, instead of in a list of
/// them.
fn is_in_tree_of_routes(location: &str) -> bool {
    let (_, behind) = split_at_virtual_hosts(location).unwrap_or_default();
    behind.split_once(']').is_some_and(|(_, behind)| behind.starts_with(".matcher."))
}

fn envoy_route(location: Location, route: &Value) -> Route {
    // Envoy reads both spellings of a name.
    const REWRITES: [[&str; 2]; 4] = [
        ["prefix_rewrite", "prefixRewrite"],
        ["regex_rewrite", "regexRewrite"],
        ["path_rewrite_policy", "pathRewritePolicy"],
        ["path_rewrite", "pathRewrite"],
    ];
    let headers = at(route, "/match/headers").as_array().map_or(&[][..], Vec::as_slice);
    let rewrites = |names: &[&str; 2]| names.iter().any(|name| route["route"].get(name).is_some());
    Route {
        configuration: configuration(&location.path),
        location,
        names_rule: names_rule(route),
        is_chosen_by_ours: headers.iter().any(|header| is_ours(&header["name"])),
        rewrite: REWRITES.into_iter().find(rewrites).map(|[name, _]| name),
    }
}

/// Returns the location of the route configuration that a location is in. No request gets from one to
/// another.
fn configuration(location: &str) -> String {
    split_at_virtual_hosts(location).map_or("", |(configuration, _)| configuration).to_owned()
}

fn split_at_virtual_hosts(location: &str) -> Option<(&str, &str)> {
    location.split_once("virtual_hosts[").or_else(|| location.split_once("virtualHosts["))
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
    let metadata = &value["metadata"];
    let of_ours = metadata.get("filter_metadata").or_else(|| metadata.get("filterMetadata"));
    of_ours.is_some_and(|metadata| at(metadata, "/tollgate/rule").is_string())
}

fn is_ours(name: &Value) -> bool {
    name.as_str().is_some_and(is_ours_by_name)
}

fn is_ours_by_name(name: &str) -> bool {
    name.to_ascii_lowercase().replace('_', "-").starts_with("x-tollgate-")
}

#[cfg(test)]
mod tests {
    use super::super::file::CheckedFile;
    use super::super::resource;
    use super::*;
    use serde_json::json;

    const BASE: Base<'_> = Base { file: 0, location: "" };

    fn envoy(value: &Value) -> FoundRoutes {
        of_envoy(BASE, value)
    }

    fn counts(found: &FoundRoutes) -> (usize, usize) {
        (found.errors.len(), found.warnings.len())
    }

    fn route(header: Option<&str>, rule: Option<&str>, action: Value) -> Value {
        let headers: Vec<Value> =
            header.iter().map(|name| json!({"name": name, "present_match": true})).collect();
        let mut route = json!({"match": {"prefix": "/", "headers": headers}, "route": action});
        if let Some(rule) = rule {
            route["metadata"] = json!({"filter_metadata": {"tollgate": {"rule": rule}}});
        }
        route
    }

    #[test]
    fn a_rule_that_a_route_names_must_be_read_by_a_gate() {
        let named = || vec![Location::default()];
        let gate = |gate: Value| json!({"plans": {}, "plan_gate": gate});
        let with_path =
            || json!({"rules": [{"name": "ask", "path": "/ask"}, {"name": "b", "path_prefix": "/b"}]});
        let by_route = json!({"rules_by_route": true, "rules": [{"name": "ask", "path": "/ask"}]});
        let without_path = json!({"rules": [{"name": "ask", "host": "a.example.com"}]});
        let cases = [
            ("no document", vec![], 0),
            ("a document without a gate", vec![json!({"billing": {}})], 0),
            ("rules with paths", vec![gate(with_path())], 1),
            ("the setting", vec![gate(by_route.clone())], 0),
            ("a rule without a path", vec![gate(without_path)], 0),
            ("one of two gates", vec![gate(with_path()), gate(by_route)], 0),
        ];
        for (why, documents, want) in cases {
            let documents: Vec<&Value> = documents.iter().collect();
            assert_eq!(unread_rules(named(), &documents).len(), want, "{why}");
            assert!(unread_rules(Vec::new(), &documents).is_empty(), "{why}");
        }
    }

    #[test]
    fn routes_of_envoy_are_checked() {
        let plain = || json!({"cluster": "upstream"});
        let rewriting = |name: &str| json!({"cluster": "upstream", name: {}});
        let cases = [
            ("plain", vec![route(None, None, plain())], (0, 0)),
            (
                "by plan, where no route names a rule",
                vec![route(Some("x-tollgate-plan"), None, plain())],
                (0, 0),
            ),
            (
                "by plan, beside one that does",
                vec![route(Some("x-tollgate-plan"), None, plain()), route(None, Some("ask"), plain())],
                (1, 0),
            ),
            (
                "by plan, naming one itself",
                vec![route(Some("X_Tollgate_Plan"), Some("ask"), plain())],
                (1, 0),
            ),
            ("by another field", vec![route(Some("x-plan"), Some("ask"), plain())], (0, 0)),
            ("rewriting", vec![route(None, None, rewriting("prefix_rewrite"))], (0, 1)),
            ("by an expression", vec![route(None, None, rewriting("regex_rewrite"))], (0, 1)),
            ("by a template", vec![route(None, None, rewriting("path_rewrite_policy"))], (0, 1)),
            ("rewriting, with a rule", vec![route(None, Some("ask"), rewriting("prefix_rewrite"))], (0, 0)),
        ];
        for (why, routes, want) in cases {
            let found = envoy(&json!({"route_config": {"virtual_hosts": [{"routes": routes}]}}));
            assert_eq!(counts(&found), want, "{why}: {found:?}");
        }
        let two = json!({"virtual_hosts": [
            {"routes": [route(Some("x-tollgate-plan"), None, plain())]},
            {"routes": [route(None, Some("ask"), plain())]},
        ]});
        let found = envoy(&two);
        assert_eq!(found.errors[0].location.shown, "virtual_hosts[0].routes[0]");
    }

    #[test]
    fn every_form_of_envoys_routes_is_checked() {
        let by = |matched: Value| {
            let mut header = matched;
            header["name"] = json!("x-tollgate-plan");
            json!({"match": {"prefix": "/", "headers": [header]}, "route": {"cluster": "upstream"}})
        };
        let named = || route(None, Some("ask"), json!({"cluster": "upstream"}));
        for matched in [
            json!({"string_match": {"exact": "pro"}}),
            json!({"safe_regex_match": {"regex": "pro|team"}}),
            json!({"present_match": false}),
            json!({"exact_match": "pro", "invert_match": true}),
        ] {
            let found = envoy(&json!({"virtual_hosts": [{"routes": [by(matched.clone()), named()]}]}));
            assert_eq!(counts(&found), (1, 0), "{matched}");
        }
        let weighted = json!({"weighted_clusters": {"clusters": []}, "prefixRewrite": "/"});
        let camel = json!({"match": {"prefix": "/"}, "route": {"cluster": "upstream", "regexRewrite": {}},
            "metadata": {"filterMetadata": {"tollgate": {"rule": "ask"}}}});
        let found = envoy(
            &json!({"virtualHosts": [{"routes": [route(None, None, weighted), camel, by(json!({}))]}]}),
        );
        assert_eq!(counts(&found), (1, 1), "{found:?}");

        let input = |name: &str| json!({"typed_config": {"@type": "HttpRequestHeaderMatchInput", "header_name": name}});
        let tree = |name: &str| {
            json!({"virtual_hosts": [{"matcher": {"matcher_tree": {"input": input(name), "exact_match_map": {"map": {
                "pro": {"action": {"name": "route", "typed_config": named()}},
            }}}}}]})
        };
        assert_eq!(counts(&envoy(&tree("x-tollgate-plan"))), (1, 0));
        assert_eq!(counts(&envoy(&tree("x-plan"))), (0, 0));
    }

    #[test]
    fn routes_without_the_gate_are_skipped() {
        let plain = || json!({"cluster": "upstream"});
        let by_plan = || route(Some("x-tollgate-plan"), None, plain());
        let rewriting = || route(None, None, json!({"cluster": "upstream", "prefix_rewrite": "/"}));
        let manager = |filter: &str, routes: Vec<Value>| json!({"http_filters": [{"name": filter}], "route_config": {"virtual_hosts": [{"routes": routes}]}});
        let apart = json!([
            manager("plan_gate", vec![route(None, Some("ask"), plain())]),
            manager("plan_gate", vec![by_plan()]),
        ]);
        assert_eq!(counts(&envoy(&apart)), (0, 0), "no request gets from one to the other");
        assert_eq!(counts(&envoy(&manager("plan_gate", vec![rewriting()]))), (0, 1));
        assert_eq!(counts(&envoy(&manager("envoy.filters.http.router", vec![rewriting()]))), (0, 0));
    }

    fn found(values: &[Value]) -> FoundRoutes {
        let text = values.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
        let (file, _) = CheckedFile::new(0, "a", text);
        of_resources(&resource::all([&file]).collect::<Vec<_>>())
    }

    #[test]
    fn routes_of_istio_are_checked() {
        let service = |http: Value| json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "app"}, "spec": {"http": [http]}});
        let named = |route: &str| {
            json!({"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": {"name": "rules"}, "spec": {"configPatches": [{
                "applyTo": "HTTP_ROUTE",
                "match": {"routeConfiguration": {"vhost": {"route": {"name": route}}}},
                "patch": {"operation": "MERGE", "value": {"metadata": {"filter_metadata": {"tollgate": {"rule": "ask"}}}}},
            }]}})
        };
        let by_plan =
            || service(json!({"name": "a", "match": [{"headers": {"x-tollgate-plan": {"exact": "pro"}}}]}));
        let rewriting = || service(json!({"name": "a", "rewrite": {"uri": "/"}}));
        assert_eq!(counts(&found(&[by_plan()])), (0, 0));
        assert_eq!(counts(&found(&[by_plan(), named("a")])), (1, 0));
        assert_eq!(counts(&found(&[by_plan(), named("elsewhere")])), (1, 0));
        assert_eq!(counts(&found(&[rewriting()])), (0, 1));
        assert_eq!(
            counts(&found(&[service(json!({"rewrite": {"authority": "x"}}))])),
            (0, 0),
            "a host is not a path"
        );
        assert_eq!(counts(&found(&[service(json!({"rewrite": {"uriRegexRewrite": {}}}))])), (0, 1));
        assert_eq!(counts(&found(&[rewriting(), named("a")])), (0, 0));
        assert_eq!(counts(&found(&[rewriting(), named("b")])), (0, 1));
    }

    #[test]
    fn routes_of_the_gateway_api_are_checked() {
        let resource = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let route = |rule: Value| resource("HTTPRoute", "app", json!({"rules": [rule]}));
        let by_plan =
            || route(json!({"matches": [{"headers": [{"name": "X-Tollgate-Plan", "value": "pro"}]}]}));
        let rewriting = || {
            route(
                json!({"filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath"}}}]}),
            )
        };
        let extended =
            || route(json!({"filters": [{"type": "ExtensionRef", "extensionRef": {"name": "r"}}]}));
        let filter = || {
            resource("HTTPRouteFilter", "r", json!({"urlRewrite": {"path": {"type": "ReplaceRegexMatch"}}}))
        };
        let named = || {
            resource(
                "EnvoyPatchPolicy",
                "rules",
                json!({"jsonPatches": [{"operation": {
                    "op": "add", "path": "/metadata/filter_metadata", "value": {"tollgate": {"rule": "ask"}},
                }}]}),
            )
        };
        assert_eq!(counts(&found(&[by_plan()])), (0, 0));
        assert_eq!(counts(&found(&[by_plan(), named()])), (1, 0));
        assert_eq!(counts(&found(&[rewriting()])), (0, 1));
        assert_eq!(counts(&found(&[rewriting(), named()])), (0, 0));
        assert_eq!(counts(&found(&[extended(), filter()])), (0, 1));
        assert_eq!(counts(&found(&[extended()])), (0, 0));
        let host = route(json!({"filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "x"}}]}));
        assert_eq!(counts(&found(&[host])), (0, 0), "a host is not a path");
    }
}
