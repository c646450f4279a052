//! Whether an Envoy has the runtime of the Wasm modules: builds without V8 exist.

use super::EnvoyProgram;
use super::place::{Place, outermost};
use crate::check::envoy;
use crate::check::file::CheckedFile;
use crate::check::finding::{Finding, FindingKind, Location};
use crate::check::resource;
use serde_json::{Value, json};

/// The runtime that Envoy uses if a configuration names none.
const V8: &str = "envoy.wasm.runtime.v8";
/// The smallest Wasm module, base64: a magic number and a version.
const EMPTY_MODULE: &str = "AGFzbQEAAAA=";
/// What Envoy logs about a runtime that it does not have.
const NOT_COMPILED: &str = "compiled without support for it";

/// Returns an error at the first Wasm module in a file whose runtime the program does not have.
pub(super) fn findings(program: &EnvoyProgram, file: &CheckedFile) -> Vec<Finding> {
    let Some((location, runtime)) = first_module(file) else { return Vec::new() };
    let log = program.log_of(&with_module(&runtime));
    if !log.is_ok_and(|log| log.contains(NOT_COMPILED)) {
        return Vec::new();
    }
    let text = format!(
        "{program} was compiled without support for the runtime {runtime}, and runs no Wasm module: use another build \
         of Envoy, or the native module (docs/native.md)"
    );
    vec![Finding::new(FindingKind::MissingRuntime, location, text)]
}

/// Returns the location of the first of Tollgate's Wasm modules in a file, and its runtime.
fn first_module(file: &CheckedFile) -> Option<(Location, String)> {
    let of_envoy = file.contents.values.iter().find_map(|found| {
        let is_module = |value: &Value| envoy::which(value).is_some() && !envoy::is_native(value);
        let (place, filter) = outermost(&found.value, &is_module).into_iter().next()?;
        let runtime = filter.pointer("/typed_config/config/vm_config/runtime").and_then(Value::as_str);
        let place: Place = place.member("typed_config");
        Some((file.base(&found.location).at(&place.location), runtime.unwrap_or(V8).to_owned()))
    });
    let of_resource = || {
        let is_module = |resource: &resource::Resource<'_>| match resource.kind() {
            "WasmPlugin" => true,
            "EnvoyExtensionPolicy" => !resource.list("/wasm").is_empty(),
            _ => false,
        };
        let found = resource::all([file]).find(is_module)?;
        Some((found.location("spec"), V8.to_owned()))
    };
    of_envoy.or_else(of_resource)
}

/// Returns a configuration with a module that is too small to load. Envoy creates the runtime first.
fn with_module(runtime: &str) -> Value {
    let wasm = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {"vm_config": {"runtime": runtime, "code": {"local": {"inline_bytes": EMPTY_MODULE}}}},
    });
    let router = json!({"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"});
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "tried",
        "route_config": {},
        "http_filters": [{"name": "wasm", "typed_config": wasm}, {"name": "router", "typed_config": router}],
    });
    json!({"static_resources": {"listeners": [{
        "name": "tried",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }]}})
}
