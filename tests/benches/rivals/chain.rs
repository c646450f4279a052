//! Envoys that differ only in their HTTP filters: the shipped configuration, one worker, and direct responses
//! instead of an upstream.

use serde_norway::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use tollgate_tests::fakes::clerk::keys::{KeyPair, jwks};
use tollgate_tests::install::modules::Modules;
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::ratelimit::counting_at;

/// The issuer of accepted tokens.
pub(crate) const ISSUER: &str = "https://clerk.example.com";
/// A limit that the benchmark does not reach.
const PLENTY: u64 = 1_000_000_000;

/// A build of the gate.
#[derive(Debug)]
pub(crate) enum FilterBuild {
    /// The Wasm module of these modules.
    Wasm(Modules),
    /// This dynamic module.
    Native(PathBuf),
}

/// Returns the shipped configuration with direct responses and without an access log.
fn shipped(build: &FilterBuild) -> Standalone {
    let standalone = match build {
        FilterBuild::Wasm(modules) => Standalone::wasm().modules(modules),
        FilterBuild::Native(module) => Standalone::native().dynamic_module(module),
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
        .without_section("clerk_webhook")
        .without_section("billing")
}

/// Returns the current Wasm modules.
pub(crate) fn current() -> FilterBuild {
    FilterBuild::Wasm(Modules::build().clone())
}

/// Returns an Envoy with these filters, given as YAML, before the router.
pub(crate) fn native(filters: &str) -> Standalone {
    let keys = serde_json::to_string(&jwks(&[KeyPair::first()]).to_string());
    let keys = keys.unwrap_or_else(|e| panic!("the keys cannot be written: {e}"));
    let Value::Sequence(filters) = yaml(&filters.replace("ISSUER", ISSUER).replace("JWKS", &keys)) else {
        panic!("a chain is a list of filters")
    };
    shipped(&current()).without_modules().edit(|config| {
        if let Some(chain) = manager(config)["http_filters"].as_sequence_mut() {
            chain.splice(0..0, filters);
        }
    })
}

/// Returns an Envoy with only the gate, with an edited document.
pub(crate) fn gate(build: &FilterBuild, edit: impl FnOnce(&mut Value)) -> Standalone {
    with_plenty(build, edit).without_filter("stripe_webhook")
}

/// Returns an Envoy with only the gate, which counts in the envoyproxy/ratelimit at an address.
pub(crate) fn gate_counting_at(service: SocketAddr) -> Standalone {
    counting_at(service, with_plenty(&current(), |_| ()), |_| ()).without_filter("stripe_webhook")
}

/// Returns the Envoy with a route to an upstream at an address.
pub(crate) fn forwarding(upstream: SocketAddr, standalone: Standalone) -> Standalone {
    routed(standalone.upstream_at("upstream", upstream))
}

/// Returns the Envoy with a route to its upstream instead of direct responses.
fn routed(standalone: Standalone) -> Standalone {
    standalone.edit(|config| {
        manager(config)["route_config"]["virtual_hosts"][0]["routes"][0] =
            yaml("{match: {prefix: /}, route: {cluster: upstream}}");
    })
}

/// Returns the shipped configuration with limits that the benchmark does not reach.
fn with_plenty(build: &FilterBuild, edit: impl FnOnce(&mut Value)) -> Standalone {
    let document = |document: &mut Value| {
        document["plans"][1]["limits"]["asks"] = windows(&["month"], PLENTY);
        edit(document);
    };
    shipped(build).document(document)
}

/// Returns an Envoy with only the webhook filter. It has a route, although no event is forwarded:
/// `request_body_buffer_limit` applies to routes only, not to direct responses.
pub(crate) fn webhook(build: &FilterBuild) -> Standalone {
    routed(shipped(build).without_filter("plan_gate"))
}

/// Returns an Envoy with a plugin that does nothing instead of the gate.
pub(crate) fn empty_plugin(module: &std::path::Path) -> Standalone {
    gate(&current(), |_| ()).edit(|config| {
        let plugin = &mut manager(config)["http_filters"][0]["typed_config"]["config"];
        plugin["vm_config"]["code"]["local"]["filename"] = module.display().to_string().into();
        plugin.as_mapping_mut().map(|fields| fields.remove("configuration"));
    })
}

/// Returns a limit with the same maximum in each of these windows.
pub(crate) fn windows(periods: &[&str], max: u64) -> Value {
    let window = |per: &&str| yaml(&format!("{{max: {max}, per: {per}}}"));
    Value::Sequence(periods.iter().map(window).collect())
}

/// Returns three windows with a limit that the benchmark does not reach.
pub(crate) fn three_windows() -> Value {
    windows(&["minute", "day", "month"], PLENTY)
}

fn manager(config: &mut Value) -> &mut Value {
    &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
}

fn yaml(text: &str) -> Value {
    serde_norway::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}
