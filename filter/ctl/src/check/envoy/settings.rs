//! The settings of one of Tollgate's filters in Envoy's configuration. They have the same names on Istio.

use crate::check::at;
use crate::check::document::callouts;
use crate::check::envoy::{document_in, is_native, types};
use crate::check::filters::{READERS, needed_document, not_held};
use crate::check::finding::{Finding, FindingKind, Location};
use crate::check::input::resource;
use serde_json::Value;
use tollgate_core::config::SECTION_NAMES;

/// The runtimes of Wasm that an Envoy can be built with. The modules need one that compiles them.
const RUNTIMES: [&str; 3] =
    ["envoy.wasm.runtime.v8", "envoy.wasm.runtime.wasmtime", "envoy.wasm.runtime.wamr"];

/// Returns the location of a path in a filter's settings.
pub(in crate::check) type At<'a> = &'a dyn Fn(&str) -> Location;

/// Checks the settings of one filter. They have the same names on Istio.
pub(in crate::check) fn plugin(location: At<'_>, name: &str, filter: &Value, findings: &mut Vec<Finding>) {
    match is_native(filter) {
        true => native_filter(location, name, filter, findings),
        false => {
            findings.extend(types::findings(location, filter, ".config.configuration"));
            wasm_filter(&|path| location(&format!(".config{path}")), name, filter, findings);
        }
    }
}

/// Checks the settings of a filter of the dynamic module. Envoy holds its requests back without a setting,
/// and it sees Envoy's whole environment.
fn native_filter(location: At<'_>, name: &str, filter: &Value, findings: &mut Vec<Finding>) {
    let module = at(filter, "/typed_config/dynamic_module_config");
    if module["do_not_close"] != true {
        let text =
            "write true: otherwise an update of the listener can lose the counters and the processed events";
        findings.push(Finding::new(
            FindingKind::ModuleClosed,
            location(".dynamic_module_config.do_not_close"),
            text,
        ));
    }
    if at(module, "/module/local/filename").as_str().is_some_and(|file| file.ends_with(".wasm")) {
        let text = "this is a Wasm module, and a filter of this type needs the native one, libtollgate.so";
        let location = location(".dynamic_module_config.module.local.filename");
        findings.push(Finding::new(FindingKind::WrongModule, location, text));
    }
    findings.extend(types::findings(location, filter, ".filter_config"));
    findings.extend(needed_document(name, document_in(filter), location(".filter_config")).err());
}

fn wasm_filter(location: At<'_>, name: &str, filter: &Value, findings: &mut Vec<Finding>) {
    let config = at(filter, "/typed_config/config");
    if config["failure_policy"] == "FAIL_OPEN" || config["fail_open"] == true {
        let text = "write FAIL_RELOAD: while the plugin is missing or broken, every request would pass";
        findings.push(Finding::new(FindingKind::FailOpen, location(".failure_policy"), text));
    } else if config["failure_policy"] != "FAIL_RELOAD" {
        let text = "write FAIL_RELOAD: otherwise a crashed VM responds with 503 until Envoy restarts, or lets requests pass";
        findings.push(Finding::new(FindingKind::FailurePolicy, location(".failure_policy"), text));
    }
    let runtime = config.pointer("/vm_config/runtime").and_then(Value::as_str);
    if let Some(runtime) = runtime.filter(|runtime| !RUNTIMES.contains(runtime)) {
        let text =
            format!("no Envoy has the runtime {runtime:?}: write envoy.wasm.runtime.v8, or leave it out");
        findings.push(Finding::new(FindingKind::MissingRuntime, location(".vm_config.runtime"), text));
    }
    let modules =
        [at(config, "/vm_config/code/local/filename"), at(config, "/vm_config/code/remote/http_uri/uri")];
    if let Some(finding) = wrong_module(location(".vm_config.code"), &config["name"], &modules) {
        findings.push(finding);
        return;
    }
    if READERS.contains(&name) && config["allow_on_headers_stop_iteration"] != true {
        let text = format!("write `allow_on_headers_stop_iteration: true`, or {}", not_held(name));
        findings.push(Finding::new(
            FindingKind::HeadersNotHeld,
            location(".allow_on_headers_stop_iteration"),
            text,
        ));
    }
    let document = match needed_document(name, document_in(filter), location(".configuration")) {
        Ok(document) => document,
        Err(missing) => {
            findings.push(missing);
            return;
        }
    };
    let environment = at(config, "/vm_config/environment_variables");
    if let Some(variable) = repeated_variable(environment) {
        let text = format!("{variable} is there twice; Envoy does not start");
        let location = location(".vm_config.environment_variables");
        findings.push(Finding::new(FindingKind::RepeatedName, location, text));
    }
    let mut passed: Vec<&str> =
        environment["host_env_keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let set = environment["key_values"].as_object().into_iter().flatten();
    passed.extend(set.filter(|(_, value)| value.as_str() != Some("")).map(|(name, _)| name.as_str()));
    for variable in callouts::unseen(name, &document, &passed) {
        let location = location(".vm_config.environment_variables.host_env_keys");
        findings.push(Finding::unseen(location, &variable));
    }
}

/// Returns a variable that a filter gets twice: from Envoy's environment and with a value, or two times.
fn repeated_variable(environment: &Value) -> Option<&str> {
    let passed = environment["host_env_keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let passed: Vec<&str> = passed.collect();
    let has_value = |name: &str| environment["key_values"].get(name).is_some();
    let is_again = |(number, name): &(usize, &&str)| {
        has_value(name) || passed.iter().take(*number).any(|other| other == *name)
    };
    passed.iter().enumerate().find(is_again).map(|(_, name)| *name)
}

/// Returns the error about a filter that has the module of another.
pub(in crate::check) fn wrong_module(
    location: Location,
    name: &Value,
    modules: &[&Value],
) -> Option<Finding> {
    let name = SECTION_NAMES.iter().find(|own| *name == ***own)?;
    let module = resource::which(modules).filter(|module| module != name)?;
    let text = format!("the filter is {name}, and this is the module of {module}");
    Some(Finding::new(FindingKind::WrongModule, location, text))
}
