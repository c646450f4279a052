//! Envoys that differ in nothing but their HTTP filters: the shipped configuration, one worker, and answers
//! that Envoy gives itself in the place of an upstream's.

use serde_norway::Value;
use std::net::SocketAddr;
use tollgate_tests::fakes::clerk::keys::{KeyPair, jwks};
use tollgate_tests::install::modules::Modules;
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::ratelimit::counting_at;

/// Whose tokens are taken.
pub(crate) const ISSUER: &str = "https://clerk.example.com";
/// How often a user may ask where nobody is to be refused.
const PLENTY: u64 = 1_000_000_000;

/// A build of the gate.
#[derive(Debug)]
pub(crate) enum GateBuild {
    /// The Wasm module, among these.
    Wasm(Modules),
    /// The present dynamic module.
    Native,
}

/// The shipped filters, with responses of Envoy's own and no access log.
fn shipped(build: &GateBuild) -> Standalone {
    let standalone = match build {
        GateBuild::Wasm(modules) => Standalone::load().modules(modules),
        GateBuild::Native => Standalone::native().modules(Modules::build()),
    };
    standalone
        .concurrency(1)
        .env("CLERK_JWT_KEY", &KeyPair::first().pem())
        .edit(|config| {
            let manager = manager(config);
            manager.as_mapping_mut().map(|fields| fields.remove("access_log"));
            manager["route_config"]["virtual_hosts"][0] = yaml(
                "{name: all, domains: ['*'], request_body_buffer_limit: 1048576, routes: [{match: {prefix: /}, \
                 direct_response: {status: 200, body: {inline_string: '42'}}}]}",
            );
        })
        .without_filter("envoy.filters.http.cors")
}

/// The present Wasm modules.
pub(crate) fn present() -> GateBuild {
    GateBuild::Wasm(Modules::build().clone())
}

/// An Envoy with these filters, given as YAML, before the router.
pub(crate) fn native(filters: &str) -> Standalone {
    let keys = serde_json::to_string(&jwks(&[KeyPair::first()]).to_string());
    let keys = keys.unwrap_or_else(|e| panic!("the keys cannot be written: {e}"));
    let Value::Sequence(filters) = yaml(&filters.replace("ISSUER", ISSUER).replace("JWKS", &keys)) else {
        panic!("a chain is a list of filters")
    };
    shipped(&present()).without_modules().edit(|config| {
        if let Some(chain) = manager(config)["http_filters"].as_sequence_mut() {
            chain.splice(0..0, filters);
        }
    })
}

/// An Envoy with the gate alone, its document edited.
pub(crate) fn gate(build: &GateBuild, edit: impl FnOnce(&mut Value)) -> Standalone {
    with_plenty(build, edit).without_filter("stripe_webhook")
}

/// An Envoy with the gate alone, which counts in the envoyproxy/ratelimit at that address.
pub(crate) fn gate_counting_at(service: SocketAddr) -> Standalone {
    counting_at(service, with_plenty(&present(), |_| ()), |_| ()).without_filter("stripe_webhook")
}

/// The same with an upstream that answers.
pub(crate) fn forwarding(upstream: SocketAddr, standalone: Standalone) -> Standalone {
    routed(standalone.upstream_at("upstream", upstream))
}

/// The same with a route to the upstream.
fn routed(standalone: Standalone) -> Standalone {
    standalone.edit(|config| {
        manager(config)["route_config"]["virtual_hosts"][0]["routes"][0] =
            yaml("{match: {prefix: /}, route: {cluster: upstream}}");
    })
}

/// Limits that nobody reaches.
fn with_plenty(build: &GateBuild, edit: impl FnOnce(&mut Value)) -> Standalone {
    let document = |document: &mut Value| {
        document["plans"][1]["limits"]["asks"] = windows(&["month"], PLENTY);
        edit(document);
    };
    shipped(build).document(document)
}

/// An Envoy with the webhook filter alone. It has a route, though no event takes it:
/// `request_body_buffer_limit` holds for routes only, not for responses of Envoy's own.
pub(crate) fn webhook(modules: &Modules) -> Standalone {
    routed(shipped(&GateBuild::Wasm(modules.clone())).without_filter("plan_gate"))
}

/// An Envoy with a plugin in the gate's place that does nothing.
pub(crate) fn empty_plugin(module: &std::path::Path) -> Standalone {
    gate(&present(), |_| ()).edit(|config| {
        let plugin = &mut manager(config)["http_filters"][0]["typed_config"]["config"];
        plugin["vm_config"]["code"]["local"]["filename"] = module.display().to_string().into();
        plugin.as_mapping_mut().map(|fields| fields.remove("configuration"));
    })
}

/// A limit of that many in each of these windows.
pub(crate) fn windows(periods: &[&str], max: u64) -> Value {
    let window = |per: &&str| yaml(&format!("{{max: {max}, per: {per}}}"));
    Value::Sequence(periods.iter().map(window).collect())
}

/// Three windows in which nobody is refused.
pub(crate) fn three_windows() -> Value {
    windows(&["minute", "day", "month"], PLENTY)
}

fn manager(config: &mut Value) -> &mut Value {
    &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
}

fn yaml(text: &str) -> Value {
    serde_norway::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}
