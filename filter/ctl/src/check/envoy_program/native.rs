//! Whether an Envoy has the ABI of dynamic modules for which the native module is built.

use super::EnvoyProgram;
use super::place::outermost;
use crate::check::envoy;
use crate::check::finding::{Base, Finding, FindingKind};
use serde_json::Value;

/// The minor version 1.x whose ABI the native module is built for. Envoy promises that a module also runs on
/// the next one.
const BUILT_FOR: u32 = 40;
/// The first minor version 1.x that loads the native module at all.
const LOADED_SINCE: u32 = 38;

/// Returns what is wrong with the program for the native module, if a value has one of its filters.
pub(super) fn findings(program: &EnvoyProgram, base: Base<'_>, value: &Value) -> Vec<Finding> {
    let is_ours = |value: &Value| envoy::is_native(value) && envoy::which(value).is_some();
    let filters = outermost(value, &is_ours);
    let Some((place, _)) = filters.first() else { return Vec::new() };
    let location = base.at(&place.member("typed_config").member("dynamic_module_config").location);
    if program.version.minor < LOADED_SINCE {
        let text = format!(
            "{program} does not load the native module: use Envoy 1.{BUILT_FOR}, or the Wasm modules (1.37 or later)"
        );
        return vec![Finding::new(FindingKind::RefusedByEnvoy, location, text)];
    }
    if program.version.minor == BUILT_FOR || program.version.minor == BUILT_FOR.saturating_add(1) {
        return Vec::new();
    }
    let text = format!(
        "the native module is built for the ABI of Envoy 1.{BUILT_FOR}, and Envoy promises only that 1.{BUILT_FOR} and \
         the version after it run the module; this is {program}. docs/platforms.md lists the versions that were tried"
    );
    vec![Finding::new(FindingKind::ModuleAbi, location, text)]
}
