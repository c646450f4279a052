//! What is found around the filters in Envoy's own file.

use super::{OF_THE_EXAMPLE, platform, shipped, shipped_file, shipped_values, verdict};

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
        (
            "match_typed_subject_alt_names:\n            - {san_type: DNS, matcher: {exact: api.stripe.com}}",
            "",
            "cluster stripe_api",
            "not verified",
        ),
        ("trusted_ca: {filename", "trusted_crl: {filename", "cluster stripe_api", "not verified"),
    ];
    platform("standalone.yaml", &cases);
}

#[test]
fn the_name_of_a_filter_can_be_anything() {
    let named = "- name: stripe_webhook\n            typed_config:";
    let got = verdict(&shipped(named, "- name: x\n            typed_config:"));
    assert_eq!(got.warnings.len(), OF_THE_EXAMPLE, "{:?}", got.warnings);
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

#[test]
fn a_file_in_a_kubernetes_config_map_is_checked() {
    let map = |file: &str| {
        let lines: Vec<String> = file.lines().map(|line| format!("    {line}")).collect();
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: envoy}}\ndata:\n  envoy.yaml: |\n{}\n",
            lines.join("\n")
        )
    };
    let right = verdict(&map(&shipped("plans:", "plans:")));
    assert_eq!((right.all(), right.locations.len()), (vec![], 4));
    let wrong = verdict(&map(&shipped("cluster: upstream\n", "cluster: app\n"))).all();
    let [error] = wrong.as_slice() else { panic!("{wrong:?}") };
    assert!(error.location.path.starts_with("data.envoy.yaml.static_resources."), "{error:?}");
    assert!(error.text.contains("no cluster \"app\""), "{error:?}");
}
