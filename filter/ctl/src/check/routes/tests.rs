//! Routes of each platform, with and without what the gate cannot see.

use super::*;
use crate::check::input::file::CheckedFile;
use crate::check::input::resource;
use serde_json::json;

const BASE: Base<'_> = Base { file: 0, location: "" };

fn envoy(value: &Value) -> FoundRoutes {
    let mut value = value.clone();
    crate::field_names::normalize(&mut value);
    of_envoy(BASE, &value)
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
        ("by plan, where no route names a rule", vec![route(Some("x-tollgate-plan"), None, plain())], (0, 0)),
        (
            "by plan, beside one that does",
            vec![route(Some("x-tollgate-plan"), None, plain()), route(None, Some("ask"), plain())],
            (1, 0),
        ),
        ("by plan, naming one itself", vec![route(Some("X_Tollgate_Plan"), Some("ask"), plain())], (1, 0)),
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
    let found =
        envoy(&json!({"virtualHosts": [{"routes": [route(None, None, weighted), camel, by(json!({}))]}]}));
    assert_eq!(counts(&found), (1, 1), "{found:?}");

    let input =
        |name: &str| json!({"typed_config": {"@type": "HttpRequestHeaderMatchInput", "header_name": name}});
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
    let by_plan = || route(json!({"matches": [{"headers": [{"name": "X-Tollgate-Plan", "value": "pro"}]}]}));
    let rewriting = || {
        route(
            json!({"filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath"}}}]}),
        )
    };
    let extended = || route(json!({"filters": [{"type": "ExtensionRef", "extensionRef": {"name": "r"}}]}));
    let filter =
        || resource("HTTPRouteFilter", "r", json!({"urlRewrite": {"path": {"type": "ReplaceRegexMatch"}}}));
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
