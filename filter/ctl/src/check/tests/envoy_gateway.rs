//! What is found around the filters in Envoy Gateway's resources.

use super::{platform, shipped_file, verdict};

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
