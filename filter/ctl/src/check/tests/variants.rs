//! The shipped files with one defect each: each defect causes exactly the error or warning of its name.

use super::{shipped_file, shipped_values, verdict};
use crate::check::finding::FindingKind as K;
use serde_json::Value;

/// The file, the text in it and what replaces it, and the only finding.
type Variant = (&'static str, &'static str, &'static str, K);

const ENVOY: &str = "standalone.yaml";
const NATIVE: &str = "standalone-native.yaml";
const ISTIO: &str = "istio/tollgate.yaml";
const GATEWAY: &str = "envoy-gateway/tollgate.yaml";

const OF_ENVOY: [Variant; 31] = [
    (ENVOY, "limit: asks}", "limit: ask}", K::InvalidDocument),
    (ENVOY, "per: month", "per: year", K::InvalidDocument),
    (ENVOY, "  max_body_kb: 512", " max_body_kb: 512", K::Syntax),
    (ENVOY, "[STRIPE_WEBHOOK_SECRET, PLAN_MAP]", "[PLAN_MAP]", K::MissingVariable),
    (ENVOY, "[CLERK_WEBHOOK_SIGNING_SECRET, PLAN_MAP]", "[PLAN_MAP]", K::MissingVariable),
    (ENVOY, "[CLERK_JWT_KEY, PLAN_MAP]", "[PLAN_MAP]", K::MissingVariable),
    (
        ENVOY,
        "configuration: {\"@type\": type.googleapis.com/google.protobuf.Struct, value: *tollgate}",
        "configuration: {}",
        K::MissingDocument,
    ),
    (ENVOY, "cluster: stripe_api, authority", "cluster: stripe, authority", K::UnknownCluster),
    (ENVOY, "failure_policy: FAIL_RELOAD", "failure_policy: FAIL_OPEN", K::FailOpen),
    (ENVOY, "failure_policy: FAIL_RELOAD", "failure_policy: FAIL_CLOSED", K::FailurePolicy),
    (ENVOY, "allow_on_headers_stop_iteration: true", "fail_open: false", K::HeadersNotHeld),
    (ENVOY, "/etc/tollgate/clerk_webhook.wasm", "/etc/tollgate/stripe_webhook.wasm", K::WrongModule),
    (ENVOY, "vm_id: tollgate_stripe_webhook\n", "vm_id: other\n", K::SeparateVms),
    (ENVOY, "port_value: 8080", "port_value: 9901", K::PortClash),
    (ENVOY, "{address: 127.0.0.1, port_value: 9901}", "{address: 0.0.0.0, port_value: 9901}", K::OpenAdmin),
    (ENVOY, "node: {id: tollgate, cluster: tollgate}", "node: {id: tollgate}", K::MissingNode),
    (ENVOY, "request_body_buffer_limit: 1048576", "request_body_buffer_limit: 65536", K::BufferLimit),
    (
        ENVOY,
        "- name: envoy.filters.http.credential_injector\n          typed_config:\n            \"@type\": type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
        "- name: x\n          typed_config:\n            \"@type\": x",
        K::MissingCredential,
    ),
    (
        ENVOY,
        "        - name: envoy.filters.http.upstream_codec\n          typed_config:\n            \"@type\": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
        "",
        K::MissingCodec,
    ),
    (ENVOY, "trusted_ca: {filename", "crl: {filename", K::UnverifiedTls),
    (ENVOY, "    transport_socket:\n", "    x:\n", K::NoTls),
    (
        ENVOY,
        "cluster: upstream\n",
        "cluster: upstream\n                  prefix_rewrite: /b\n",
        K::RewrittenPath,
    ),
    (ENVOY, "unmatched: pass", "shadow: false", K::UnmatchedPass),
    (ENVOY, "unmatched: pass", "unmatched: pass\n                      shadow: true", K::Shadow),
    (ENVOY, "store: local", "shadow: false", K::MemoryCounter),
    (ENVOY, "prices: [price_123]", "prices: []", K::UnsoldPlan),
    (ENVOY, "{asks: [{max: 5, per: day}]}", "{asks: unlimited, lost: unlimited}", K::UnusedLimit),
    (ENVOY, "[{exact: *app}]", "[{exact: https://b.example.com}]", K::CorsOrigins),
    (
        ENVOY,
        "[&app https://app.example.com]",
        "[&app https://app.example.com, https://b.example.com]",
        K::CorsOrigins,
    ),
    (NATIVE, "do_not_close: true", "do_not_close: false", K::ModuleClosed),
    (NATIVE, "filter_name: billing", "filter_name: bilings", K::UnknownFilter),
];

const OF_ISTIO: [Variant; 20] = [
    (ISTIO, "limit: asks}", "limit: ask}", K::InvalidDocument),
    (ISTIO, "failStrategy: FAIL_RELOAD", "failStrategy: FAIL_OPEN", K::FailOpen),
    (ISTIO, "failStrategy: FAIL_RELOAD", "failStrategy: FAIL_CLOSE", K::FailurePolicy),
    (ISTIO, "phase: AUTHN", "phase: AUTHZ", K::Phase),
    (ISTIO, "{name: CLERK_JWT_KEY, valueFrom: HOST}", "{name: X, valueFrom: HOST}", K::MissingVariable),
    (ISTIO, "pluginName: plan_gate", "pluginName: stripe_webhook", K::HeadersNotHeld),
    (ISTIO, "allow_on_headers_stop_iteration: true", "fail_open: false", K::HeadersNotHeld),
    (ISTIO, "priority: -2", "priority: 1", K::FilterOrder),
    (ISTIO, "operation: INSERT_FIRST", "operation: INSERT_BEFORE", K::FilterOrder),
    (ISTIO, "pluginConfig: *tollgate", "pluginConfig: {}", K::MissingDocument),
    (ISTIO, "hosts: [api.stripe.com, api", "hosts: [api.stripe.example, api", K::UnknownCluster),
    (ISTIO, "host: api.clerk.com", "host: api.clerk.example", K::NoTls),
    (ISTIO, "mode: SIMPLE", "mode: DISABLE", K::UnverifiedTls),
    (ISTIO, "selector: {istio: ingress}", "selector: {istio: ingressgateway}", K::SelectorMismatch),
    (
        ISTIO,
        "selector: {matchLabels: {istio: ingress}}",
        "selector: {matchLabels: {istio: x}}",
        K::SelectorMismatch,
    ),
    (
        ISTIO,
        "workloadSelector: {labels: {istio: ingress}}",
        "workloadSelector: {labels: {istio: x}}",
        K::SelectorMismatch,
    ),
    (
        ISTIO,
        "cluster: {name: outbound|443||api.stripe.com}",
        "cluster: {name: stripe_api}",
        K::MissingCredential,
    ),
    (
        ISTIO,
        "value:\n          name: tollgate.clerk_webhook\n          typed",
        "value:\n          name: x\n          typed",
        K::MissingExtension,
    ),
    (ISTIO, "tollgate/clerk-webhook:0.1.0", "tollgate/billing:0.1.0", K::WrongModule),
    (ISTIO, "{exact: https://app.example.com}", "{exact: https://b.example.com}", K::CorsOrigins),
];

const OF_GATEWAY: [Variant; 22] = [
    (GATEWAY, "limit: asks}", "limit: ask}", K::InvalidDocument),
    (GATEWAY, "failOpen: false", "failOpen: true", K::FailOpen),
    (GATEWAY, "[STRIPE_WEBHOOK_SECRET, STRIPE", "[STRIPE", K::MissingVariable),
    (
        GATEWAY,
        "[CLERK_JWT_KEY, CLERK_SECRET_KEY, PLAN_MAP]",
        "[CLERK_SECRET_KEY, PLAN_MAP]",
        K::MissingVariable,
    ),
    (
        GATEWAY,
        "[CLERK_JWT_KEY, CLERK_SECRET_KEY, PLAN_MAP]",
        "[CLERK_JWT_KEY, PLAN_MAP]",
        K::MissingCredential,
    ),
    (GATEWAY, "STRIPE_WEBHOOK_SECRET, STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", K::MissingCredential),
    (GATEWAY, "- {name: CLERK_JWT_KEY,", "- {name: CLERK_KEY,", K::MissingVariable),
    (GATEWAY, "    config: *tollgate", "    config: {}", K::MissingDocument),
    (GATEWAY, "path: /allow_on_headers_stop_iteration", "path: /x", K::HeadersNotHeld),
    (GATEWAY, "path: /failure_policy", "path: /x", K::FailurePolicy),
    (GATEWAY, "path: /vm_config/vm_id", "path: /x", K::SeparateVms),
    (GATEWAY, "name: tcp-80 ", "name: tcp-443 ", K::UnknownListener),
    (GATEWAY, "port: 80 ", "port: 8080 ", K::UnknownListener),
    (
        GATEWAY,
        "targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: tollgate}",
        "targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: x}",
        K::UnknownTarget,
    ),
    (GATEWAY, "bufferLimit: 1Mi", "bufferLimit: 32Ki", K::BufferLimit),
    (GATEWAY, "clerk-api/rule/0", "clerk-api/rule/1", K::UnknownCluster),
    (
        GATEWAY,
        "metadata: {name: stripe-api, namespace: tollgate}",
        "metadata: {name: x, namespace: tollgate}",
        K::UnknownCluster,
    ),
    (GATEWAY, "hostname: api.clerk.com}", "subjectAltNames: []}", K::NoTls),
    (GATEWAY, "tollgate/clerk-webhook:0.1.0", "tollgate/billing:0.1.0", K::WrongModule),
    (
        GATEWAY,
        "- {group: gateway.networking.k8s.io, kind: HTTPRoute, name: clerk-api}",
        "- {group: gateway.networking.k8s.io, kind: HTTPRoute, name: x}",
        K::OpenRoute,
    ),
    (GATEWAY, "store: local", "shadow: false", K::MemoryCounter),
    (
        GATEWAY,
        "allowOrigins: [https://app.example.com]",
        "allowOrigins: [https://b.example.com]",
        K::CorsOrigins,
    ),
];

#[test]
fn each_defect_of_a_shipped_file_has_its_name() {
    let mut wrong: Vec<String> = Vec::new();
    for (file, from, to, kind) in OF_ENVOY.into_iter().chain(OF_ISTIO).chain(OF_GATEWAY) {
        let found = verdict(&shipped_file(file, from, to)).all();
        let mut kinds: Vec<K> = found.iter().map(|finding| finding.kind).collect();
        // An anchor's value, and a Gateway's labels, are those of several.
        kinds.dedup();
        if kinds != [kind] {
            wrong.push(format!("{file}: {from} -> {to}: {kind:?}, but found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Removes a section from every document in a value.
fn remove_section(value: &mut Value, section: &str) {
    match value {
        Value::Object(members) if members.contains_key("plans") => drop(members.remove(section)),
        Value::Object(members) => members.values_mut().for_each(|value| remove_section(value, section)),
        Value::Array(items) => items.iter_mut().for_each(|value| remove_section(value, section)),
        _ => {}
    }
}

#[test]
fn a_filter_whose_section_the_document_lacks_is_an_error() {
    for file in [ENVOY, NATIVE, ISTIO, GATEWAY] {
        for section in ["stripe_webhook", "clerk_webhook", "billing"] {
            let mut values = shipped_values(file);
            values.iter_mut().for_each(|value| remove_section(value, section));
            let text: Vec<String> = values.iter().map(ToString::to_string).collect();
            let found = verdict(&text.join("\n---\n")).all();
            let [error] = found.as_slice() else { panic!("{file}, {section}: {found:?}") };
            assert_eq!(error.kind, K::MissingSection, "{file}, {section}: {error:?}");
            assert!(error.text.contains(&format!("no section `{section}`")), "{error:?}");
        }
    }
}
