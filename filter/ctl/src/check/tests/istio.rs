//! What is found around the filters in Istio's resources.

use super::platform;

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
