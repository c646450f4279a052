//! The results of `tollgate check` for the text of a file.

use super::check;
mod variants;

use super::finding::{Finding, FindingKind, Level};
use super::input::file::CheckedFile;
use serde::Deserialize;
use serde_json::{Value, json};

/// The findings about a file.
#[derive(Debug)]
struct CheckVerdict {
    locations: Vec<String>,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl CheckVerdict {
    /// Returns the errors and the warnings.
    fn all(&self) -> Vec<Finding> {
        self.errors.iter().chain(&self.warnings).cloned().collect()
    }
}

/// Checks a text. That it contains placeholders of the examples is ignored.
fn verdict(text: &str) -> CheckVerdict {
    let (file, error) = CheckedFile::new(0, "a.yaml", text.to_owned());
    let locations = file.documents().into_iter().map(str::to_owned).collect();
    let files = [file];
    let found = error.into_iter().chain(check(&files, false));
    let found = found.filter(|finding| finding.kind != FindingKind::Placeholder);
    let (errors, warnings) = found.partition(|finding| finding.kind.level() == Level::Error);
    CheckVerdict { locations, errors, warnings }
}

/// Returns a document without errors and warnings, after an edit.
fn document(edit: impl FnOnce(&mut Value)) -> String {
    let mut document = json!({
        "plans": [
            {"name": "free", "limits": {"asks": [{"max": 5, "per": "hour"}]}},
            {"name": "pro", "prices": ["price_1"], "limits": {"asks": "unlimited"}},
        ],
        "stripe_webhook": {
            "path": "/webhooks/stripe", "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"}, "livemode": true,
            "stripe": {"cluster": "stripe_api"}, "clerk": {"cluster": "clerk_api"},
        },
        "plan_gate": {
            "issuer": "https://clerk.example.com", "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
            "authorized_parties": ["https://app.example.com"], "unmatched": "require_token",
            "rules": [{"name": "ask", "path_prefix": "/ask", "limit": "asks"}],
        },
    });
    edit(&mut document);
    document.to_string()
}

#[test]
fn a_valid_document_has_no_errors_and_no_warnings() {
    let got = verdict(&document(|_| {}));
    assert_eq!((got.all(), got.locations), (vec![], vec![String::new()]));
}

#[test]
fn every_error_has_its_location_in_the_file() {
    let wrong = document(|document| {
        document["plan_gate"]["rules"][0]["limit"] = json!("ask");
        document["plan_gate"]["clock_skew_s"] = json!(900);
    });
    let got = verdict(&format!("kind: A\n---\nspec:\n  config: {wrong}\n"));
    assert_eq!(got.errors.len(), 2, "{got:?}");
    for error in &got.errors {
        assert!(error.location.path.starts_with("document 2.spec.config.plan_gate."), "{error:?}");
        assert!(error.location.shown.starts_with("plan_gate."), "{error:?}");
    }
    let twice = r#"{"plans": [{"name": "free"}], "plans": [], "plan_gate": {}}"#;
    assert!(verdict(twice).errors[0].text.contains("twice"), "{:?}", verdict(twice).errors);
    assert!(verdict("a: 1").errors[0].text.contains("no Tollgate document"));
}

#[test]
fn settings_that_are_probably_not_intended_cause_warnings() {
    type Edit = fn(&mut Value);
    let cases: [(Edit, &str, &str); 10] = [
        (
            |d| {
                d["plan_gate"]["authorized_parties"] = json!([]);
                d["plan_gate"]["require_azp"] = json!(false);
            },
            "plan_gate.authorized_parties",
            "another application",
        ),
        (|d| d["plan_gate"]["issuer"] = json!("http://127.0.0.1:9"), "plan_gate.issuer", "https://"),
        (|d| d["plans"][1]["prices"] = json!([]), "plans[1]", "sells \"pro\""),
        (|d| d["plans"][0]["limits"]["lost"] = json!("unlimited"), "plans[0].limits.lost", "no rule uses it"),
        (|d| d["plans"][0]["limits"]["asks"][0]["per"] = json!("day"), "plans[0].limits.asks", "restart"),
        (
            |d| drop(d["plan_gate"].as_object_mut().unwrap().remove("unmatched")),
            "plan_gate.unmatched",
            "without a token",
        ),
        (|d| d["plan_gate"]["shadow"] = json!(true), "plan_gate.shadow", "no request is refused"),
        (
            |d| d["plan_gate"]["issuer"] = json!("https://x.clerk.accounts.dev"),
            "plan_gate.issuer",
            "development instance",
        ),
        (
            |d| {
                let rules = d["plan_gate"]["rules"].as_array_mut().unwrap();
                rules.insert(0, json!({"name": "all", "path_prefix": "/"}));
            },
            "plan_gate.rules[1]",
            "never reached",
        ),
        (
            |d| {
                let rules = d["plan_gate"]["rules"].as_array_mut().unwrap();
                rules.push(json!({"name": "open", "path_prefix": "/open", "anonymous": "free"}));
            },
            "plan_gate.rules[1].anonymous",
            "every request passes",
        ),
    ];
    for (edit, location, text) in cases {
        let got = verdict(&document(edit));
        assert_eq!(got.errors, [], "{location}");
        assert_eq!(got.warnings.len(), 1, "{location}: {:?}", got.warnings);
        assert_eq!(got.warnings[0].location.shown, location);
        assert!(got.warnings[0].text.contains(text), "{:?}", got.warnings);
    }
    let covered = document(|d| {
        d["plan_gate"]["unmatched"] = json!("pass");
        d["plan_gate"]["rules"].as_array_mut().unwrap().push(json!({"name": "all", "path_prefix": "/"}));
    });
    assert_eq!(verdict(&covered).warnings, [], "no rule leaves a hole");
    let forgotten = document(|d| drop(d["plan_gate"].as_object_mut().unwrap().remove("unmatched")));
    assert_eq!(
        verdict(&forgotten).warnings[0].location.shown,
        "plan_gate.unmatched",
        "the default is `pass`"
    );
}

/// Returns a shipped configuration, after an edit of its text.
fn shipped_file(file: &str, from: &str, to: &str) -> String {
    let path = format!("{}/../../envoy/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// Returns the shipped configuration of Envoy, after an edit of its text.
fn shipped(from: &str, to: &str) -> String {
    shipped_file("standalone.yaml", from, to)
}

/// The number of warnings about the shipped configurations, without those about placeholders.
const OF_THE_EXAMPLE: usize = 0;

#[test]
fn the_shipped_configurations_have_no_warnings() {
    for file in ["standalone.yaml", "standalone-native.yaml"] {
        let got = verdict(&shipped_file(file, "plans:", "plans:"));
        assert_eq!(got.errors, [], "{file}");
        assert_eq!(got.warnings.len(), OF_THE_EXAMPLE, "{file}: {:?}", got.warnings);
        assert_eq!(got.locations.len(), 4, "{file}: once for each filter");
    }
}

#[test]
fn the_settings_of_the_dynamic_module_are_checked() {
    for (from, to, location, text) in [
        ("do_not_close: true", "do_not_close: false", "dynamic_module_config.do_not_close", "write true"),
        ("filter_name: billing", "filter_name: bilings", "filter_name", "it has stripe_webhook"),
    ] {
        let got = verdict(&shipped_file("standalone-native.yaml", from, to));
        let all = got.all();
        let warning = all.iter().find(|warning| warning.location.shown.ends_with(location));
        let warning = warning.unwrap_or_else(|| panic!("{from}: {:?}", got.warnings));
        assert!(warning.text.contains(text), "{warning:?}");
    }
}

#[test]
fn the_configuration_around_the_filters_is_checked() {
    let cases = [
        ("failure_policy: FAIL_RELOAD", "failure_policy: FAIL_OPEN", "failure_policy", "FAIL_RELOAD"),
        (
            "allow_on_headers_stop_iteration: true",
            "allow_on_headers_stop_iteration: false",
            "allow_on_headers_stop_iteration",
            "never verified",
        ),
        ("[STRIPE_WEBHOOK_SECRET, PLAN_MAP]", "[PLAN_MAP]", "host_env_keys", "reads STRIPE_WEBHOOK_SECRET"),
        ("[CLERK_JWT_KEY, PLAN_MAP]", "[PLAN_MAP]", "host_env_keys", "reads CLERK_JWT_KEY"),
        (
            "stripe: {cluster: stripe_api",
            "stripe: {cluster: stripe",
            "stripe_webhook.stripe.cluster",
            "no cluster",
        ),
        ("- {san_type: DNS, matcher: {exact: api.stripe.com}}", "", "cluster stripe_api", "not verified"),
        ("trusted_ca: {filename", "trusted_crl: {filename", "cluster stripe_api", "not verified"),
        ("- name: stripe_webhook\n            typed_config:", "- name: x\n            typed_config:", "", ""),
    ];
    for (from, to, location, text) in cases {
        let to = if to.is_empty() { "[]" } else { to };
        let edited = if from.starts_with("- {san") {
            shipped(
                "match_typed_subject_alt_names:\n            - {san_type: DNS, matcher: {exact: api.stripe.com}}",
                "",
            )
        } else {
            shipped(from, to)
        };
        let got = verdict(&edited);
        if location.is_empty() {
            assert_eq!(
                got.warnings.len(),
                OF_THE_EXAMPLE,
                "the name of a filter can be anything: {:?}",
                got.warnings
            );
            continue;
        }
        assert_eq!(got.all().len(), 1 + OF_THE_EXAMPLE, "{from}: {:?}", got.warnings);
        let all = got.all();
        let warning = all.iter().find(|warning| warning.location.shown.contains(location));
        let warning = warning.unwrap_or_else(|| panic!("{from}: {:?}", got.warnings));
        assert!(warning.text.contains(text), "{warning:?}");
    }
}

#[test]
fn the_filters_order_matters() {
    let filters = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    for file in ["standalone.yaml", "standalone-native.yaml"] {
        let mut value = shipped_values(file).remove(0);
        value.pointer_mut(filters).unwrap().as_array_mut().unwrap().swap(3, 4);
        let warnings = verdict(&value.to_string()).warnings;
        assert!(warnings.iter().any(|warning| warning.text.contains("before plan_gate")), "{warnings:?}");
        value.pointer_mut(filters).unwrap().as_array_mut().unwrap().swap(0, 1);
        let warnings = verdict(&value.to_string()).warnings;
        assert!(warnings.iter().any(|warning| warning.text.contains("cors")), "{warnings:?}");
    }
}

#[test]
fn two_documents_that_differ_cause_a_warning() {
    let other = document(|d| d["plans"][1]["prices"] = json!(["price_2"]));
    let got = verdict(&format!("a: {}\nb: {other}\n", document(|_| {})));
    assert!(got.warnings.iter().any(|warning| warning.location.shown == "a and b"), "{got:?}");
}

/// Checks that a shipped file for a platform has only the example's warnings, and one more after each edit.
fn platform(file: &str, cases: &[(&str, &str, &str, &str)]) {
    let got = verdict(&shipped_file(file, "plans:", "plans:"));
    assert_eq!(got.errors, []);
    assert_eq!(got.warnings.len(), OF_THE_EXAMPLE, "{:?}", got.warnings);
    assert_eq!(got.locations.len(), 4, "once for each filter");
    for (from, to, location, text) in cases {
        let got = verdict(&shipped_file(file, from, to));
        assert_eq!(got.all().len(), 1 + OF_THE_EXAMPLE, "{from}: {:?}", got.warnings);
        let is_it =
            |warning: &&Finding| warning.location.shown.contains(location) && warning.text.contains(text);
        assert!(got.all().iter().any(|warning| is_it(&warning)), "{from}: {:?}", got.warnings);
    }
}

#[test]
fn the_configuration_around_the_filters_on_istio_is_checked() {
    let cases = [
        (
            "failStrategy: FAIL_RELOAD",
            "failStrategy: FAIL_OPEN",
            "WasmPlugin tollgate-plan-gate: spec.failS",
            "lets them pass",
        ),
        ("phase: AUTHN", "phase: AUTHZ", "spec.phase", "before the gate decides"),
        (
            "{name: CLERK_JWT_KEY, valueFrom: HOST}",
            "{name: X, valueFrom: HOST}",
            "vmConfig.env",
            "reads CLERK_JWT_KEY",
        ),
        ("pluginName: plan_gate", "pluginName: stripe_webhook", "WasmPlugin", "a webhook is never verified"),
        (
            "pluginName: plan_gate",
            "pluginName: billing",
            "WasmPlugin",
            "a POST with a body is never answered",
        ),
        ("priority: -1", "priority: 0", "EnvoyFilter tollgate-clerk-webhook: spec.priority", "inserted last"),
        ("priority: -2", "priority: -1", "EnvoyFilter tollgate-billing: spec.priority", "inserted last"),
        (
            "allow_on_headers_stop_iteration: true\n              vm_config:\n                vm_id: tollgate_stripe_webhook     # shared",
            "vm_config:\n                vm_id: tollgate_stripe_webhook     # shared",
            "EnvoyFilter tollgate-billing: spec.configPatches[1]",
            "a POST with a body is never answered",
        ),
        ("failure_policy: FAIL_RELOAD", "failure_policy: FAIL_CLOSED", "failure_policy", "FAIL_RELOAD"),
        ("allow_on_headers_stop_iteration: true", "fail_open: false", "allow_on_headers", "never verified"),
        (
            "operation: INSERT_FIRST",
            "operation: INSERT_BEFORE",
            "configPatches[0].patch.operation",
            "INSERT_FIRST",
        ),
        (
            "hosts: [api.stripe.com, api",
            "hosts: [api.stripe.example, api",
            "stripe_webhook.stripe",
            "no ServiceEntry",
        ),
        (
            "cluster: outbound|443||api.clerk.com",
            "cluster: clerk_api",
            "stripe_webhook.clerk",
            "Istio names clusters",
        ),
        ("host: api.clerk.com", "host: api.clerk.example", "stripe_webhook.clerk", "no DestinationRule"),
        ("mode: SIMPLE", "mode: DISABLE", "DestinationRule tollgate-stripe-api", "not verified"),
        (", subjectAltNames: [api.stripe.com]", "", "DestinationRule tollgate-stripe-api", "not verified"),
    ];
    platform("istio/tollgate.yaml", &cases);
}

#[test]
fn the_configuration_around_the_filters_on_envoy_gateway_is_checked() {
    let cases = [
        ("failOpen: false", "failOpen: true", "EnvoyExtensionPolicy tollgate: spec.wasm[0].failOpen", "pass"),
        (
            "[STRIPE_WEBHOOK_SECRET, STRIPE",
            "[STRIPE",
            "spec.wasm[0].env.hostKeys",
            "reads STRIPE_WEBHOOK_SECRET",
        ),
        (
            "[CLERK_WEBHOOK_SIGNING_SECRET, STRIPE",
            "[STRIPE",
            "spec.wasm[1].env.hostKeys",
            "reads CLERK_WEBHOOK_SIGNING_SECRET",
        ),
        (
            "root_id=='clerk_webhook')].typed_config.config\"\n      path: /allow_on_headers_stop_iteration",
            "root_id=='clerk_webhook')].typed_config.config\"\n      path: /x",
            "spec.wasm[1]",
            "a webhook is never verified",
        ),
        ("path: /allow_on_headers_stop_iteration", "path: /x", "spec.wasm[0]", "a webhook is never verified"),
        (
            "root_id=='billing')].typed_config.config\"\n      path: /allow_on_headers_stop_iteration",
            "root_id=='billing')].typed_config.config\"\n      path: /x",
            "spec.wasm[2]",
            "a POST with a body is never answered",
        ),
        ("authorization: {defaultAction: Deny}", "cors: {}", "HTTPRoute stripe-api", "anyone can call"),
        (
            "metadata: {name: stripe-api, namespace: tollgate}",
            "metadata: {name: x}",
            "stripe_webhook.stripe",
            "no such",
        ),
        ("clerk-api/rule/0", "clerk-api/rule/1", "stripe_webhook.clerk", "no such rule"),
        (
            "cluster: httproute/tollgate/clerk-api/rule/0",
            "cluster: clerk_api",
            "stripe_webhook.clerk",
            "names clusters",
        ),
        ("hostname: api.clerk.com}", "subjectAltNames: []}", "HTTPRoute clerk-api", "BackendTLSPolicy"),
    ];
    // One policy denies both routes.
    let (closed, cases): (Vec<_>, Vec<_>) =
        cases.iter().partition(|(from, ..)| from.starts_with("authorization"));
    platform("envoy-gateway/tollgate.yaml", &cases);
    for (from, to, location, text) in closed {
        let warnings = verdict(&shipped_file("envoy-gateway/tollgate.yaml", from, to)).warnings;
        let open: Vec<_> = warnings.iter().filter(|warning| warning.text.contains(text)).collect();
        assert_eq!((open.len(), open[0].location.shown.contains(location)), (2, true), "{warnings:?}");
    }
}

/// Returns the documents of a shipped file.
fn shipped_values(file: &str) -> Vec<Value> {
    let text = shipped_file(file, "plans:", "plans:");
    serde_norway::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

#[test]
fn a_billing_section_without_its_filter_causes_a_warning() {
    let is_of = |resource: &Value, name: &str| resource["metadata"]["name"] == name;
    let filters = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let without_billing = |file| {
        let mut values = shipped_values(file);
        values[0].pointer_mut(filters).unwrap().as_array_mut().unwrap().remove(3);
        values
    };
    let mut istio = shipped_values("istio/tollgate.yaml");
    istio[0]["items"].as_array_mut().unwrap().retain(|resource| !is_of(resource, "tollgate-billing"));
    let mut gateway = shipped_values("envoy-gateway/tollgate.yaml");
    let policy = gateway.iter_mut().find(|resource| resource["kind"] == "EnvoyExtensionPolicy").unwrap();
    policy["spec"]["wasm"].as_array_mut().unwrap().remove(2);
    for (file, values, location) in [
        ("standalone.yaml", without_billing("standalone.yaml"), "http_filters[3]"),
        ("standalone-native.yaml", without_billing("standalone-native.yaml"), "http_filters[3]"),
        ("istio/tollgate.yaml", istio, "WasmPlugin tollgate-plan-gate: spec.pluginConfig"),
        ("envoy-gateway/tollgate.yaml", gateway, "EnvoyExtensionPolicy tollgate: spec.wasm[2]"),
    ] {
        let text: Vec<String> = values.iter().map(ToString::to_string).collect();
        let warnings = verdict(&text.join("\n---\n")).all();
        assert_eq!(warnings.len(), 1 + OF_THE_EXAMPLE, "{file}: {warnings:?}");
        let is_it = |warning: &Finding| {
            warning.location.shown.ends_with(location) && warning.text.contains("no filter `billing`")
        };
        assert!(warnings.iter().any(is_it), "{file}: {warnings:?}");
    }
}

#[test]
fn a_webhook_section_without_its_filter_causes_a_warning() {
    let is_of = |resource: &Value, name: &str| resource["metadata"]["name"] == name;
    let filters = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    for (section, index, plugin) in [("stripe_webhook", 1, 0), ("clerk_webhook", 2, 1)] {
        let without = |file| {
            let mut values = shipped_values(file);
            values[0].pointer_mut(filters).unwrap().as_array_mut().unwrap().remove(index);
            values
        };
        let mut istio = shipped_values("istio/tollgate.yaml");
        let name = format!("tollgate-{}", section.replace('_', "-"));
        istio[0]["items"].as_array_mut().unwrap().retain(|resource| !is_of(resource, &name));
        let mut gateway = shipped_values("envoy-gateway/tollgate.yaml");
        let policy = gateway.iter_mut().find(|resource| resource["kind"] == "EnvoyExtensionPolicy").unwrap();
        policy["spec"]["wasm"].as_array_mut().unwrap().remove(plugin);
        for (file, values) in [
            ("standalone.yaml", without("standalone.yaml")),
            ("standalone-native.yaml", without("standalone-native.yaml")),
            ("istio/tollgate.yaml", istio),
            ("envoy-gateway/tollgate.yaml", gateway),
        ] {
            let text: Vec<String> = values.iter().map(ToString::to_string).collect();
            let warnings = verdict(&text.join("\n---\n")).all();
            let unserved = format!("there is no filter `{section}`");
            let found = warnings.iter().filter(|warning| warning.text.contains(&unserved)).count();
            assert_eq!((found, warnings.len()), (1, 1 + OF_THE_EXAMPLE), "{section}, {file}: {warnings:?}");
        }
    }
    // A document alone has no filters.
    let alone = verdict(&document(|_| {})).all();
    assert!(alone.iter().all(|finding| finding.kind != FindingKind::UnservedWebhook), "{alone:?}");
}

#[test]
fn a_filter_without_a_document_causes_a_warning() {
    for (file, from, location) in [
        (
            "standalone.yaml",
            "configuration: {\"@type\": type.googleapis.com/google.protobuf.Struct, value: *tollgate}",
            "x",
        ),
        (
            "standalone-native.yaml",
            "filter_config: {\"@type\": type.googleapis.com/google.protobuf.Struct, value: *tollgate}",
            "filter clerk_webhook: filter_config",
        ),
        ("istio/tollgate.yaml", "pluginConfig: *tollgate", "spec.pluginConfig"),
        ("envoy-gateway/tollgate.yaml", "    config: *tollgate", "spec.wasm[1].config"),
    ] {
        let warnings = verdict(&shipped_file(file, from, "")).all();
        let found: Vec<_> =
            warnings.iter().filter(|warning| warning.text.contains("does not start")).collect();
        assert_eq!(found.len(), 1, "{file}: {warnings:?}");
        assert!(location == "x" || found[0].location.shown.ends_with(location), "{:?}", found[0]);
    }
}

#[test]
fn a_route_chosen_by_our_header_fields_beside_a_named_rule_is_an_error() {
    let named = "- match: {prefix: /a, headers: [{name: x-tollgate-plan, present_match: true}]}
                route: {cluster: upstream, prefix_rewrite: /b}
                metadata: {filter_metadata: {tollgate: {rule: ask}}}
              - match: {prefix: /}";
    let got = verdict(&shipped("- match: {prefix: /}", named));
    assert_eq!((got.errors.len(), got.warnings.len()), (2, OF_THE_EXAMPLE), "{got:?}");
    for (error, want) in
        got.errors.iter().zip(["a route that is chosen by an x-tollgate-*", "the gate does not read"])
    {
        assert!(error.location.shown.ends_with("routes[0]"), "{error:?}");
        assert!(error.text.contains(want), "{error:?}");
    }
    let got =
        verdict(&shipped("cluster: upstream\n", "cluster: upstream\n                  prefix_rewrite: /b\n"));
    assert!(got.warnings.iter().any(|warning| warning.text.contains("`prefix_rewrite` changes")), "{got:?}");
}
