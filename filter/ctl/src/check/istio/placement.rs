//! Whether Istio's patches put Tollgate's filters into the gateway: where they apply, and whether each has both of
//! its parts, the filter in the chain and its configuration.

use crate::check::filters::READERS;
use crate::check::finding::{Finding, FindingKind};
use crate::check::input::resource::{Resource, of_kind};
use crate::check::istio::filter;
use crate::check::{at, envoy};
use serde_json::Value;
use tollgate_core::config::SECTION_NAMES;

/// The namespace whose resources are for the pods of all namespaces.
const ROOT_NAMESPACE: &str = "istio-system";
/// The operations that add an HTTP filter.
const INSERTS: [&str; 3] = ["INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER"];
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// Returns all errors.
pub(in crate::check) fn findings(resources: &[Resource<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    contexts(resources, &mut findings);
    missing_extensions(resources, &mut findings);
    missing_insertions(resources, &mut findings);
    separate_vms(resources, &mut findings);
    findings.extend(namespaces(resources));
    findings
}

/// Returns whether a patch inserts an HTTP filter.
pub(in crate::check) fn inserts(patch: &Value) -> bool {
    patch["applyTo"] == "HTTP_FILTER"
        && INSERTS.iter().any(|operation| at(patch, "/patch/operation") == *operation)
}

/// Returns whether a patch adds the configuration of a filter.
fn adds_extension(patch: &Value) -> bool {
    patch["applyTo"] == "EXTENSION_CONFIG" && at(patch, "/patch/operation") == "ADD"
}

/// A patch, its EnvoyFilter, and its index in it.
type Patch<'a> = (Resource<'a>, usize, &'a Value);

/// Returns all patches.
fn patches<'a>(resources: &[Resource<'a>]) -> Vec<Patch<'a>> {
    let of_filter = |filter: Resource<'a>| {
        let patches = filter.list("/configPatches").iter().enumerate();
        patches.map(move |(number, patch)| (filter, number, patch))
    };
    of_kind(resources, "EnvoyFilter").flat_map(of_filter).collect()
}

/// Returns the name in the value of a patch, if it is that of one of Tollgate's filters.
fn name_of_ours(patch: &Value) -> Option<&str> {
    let value = at(patch, "/patch/value");
    let name = value["name"].as_str()?;
    let is_ours = envoy::which(value).is_some() || SECTION_NAMES.iter().any(|own| name.contains(own));
    is_ours.then_some(name)
}

/// Finds patches for other proxies than gateways.
fn contexts(resources: &[Resource<'_>], findings: &mut Vec<Finding>) {
    if of_kind(resources, "Gateway").next().is_none() {
        return;
    }
    for (filter, number, patch) in patches(resources) {
        let context = at(patch, "/match/context").as_str().unwrap_or("ANY");
        if name_of_ours(patch).is_some() && !["GATEWAY", "ANY"].contains(&context) {
            let text = format!("write GATEWAY: a patch with {context:?} does nothing at a gateway");
            let location = filter.location(&format!("spec.configPatches[{number}].match.context"));
            findings.push(Finding::new(FindingKind::SelectorMismatch, location, text));
        }
    }
}

/// Finds filters whose configuration is discovered, and that no patch adds: Envoy waits for them without end.
fn missing_extensions(resources: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let patches = patches(resources);
    let added: Vec<&str> = patches
        .iter()
        .filter(|(.., patch)| adds_extension(patch))
        .filter_map(|(.., patch)| at(patch, "/patch/value/name").as_str())
        .collect();
    for (filter, number, patch) in &patches {
        let (Some(name), Some(discovery)) =
            (name_of_ours(patch), at(patch, "/patch/value").get("config_discovery"))
        else {
            continue;
        };
        let mut add = |path: &str, text: String| {
            let location = filter.location(&format!("spec.configPatches[{number}].patch.value.{path}"));
            findings.push(Finding::new(FindingKind::MissingExtension, location, text));
        };
        if !added.contains(&name) {
            let text = format!(
                "no EXTENSION_CONFIG patch in these files adds {name:?}: the gateway would wait for it without end"
            );
            add("name", text);
        }
        let types = discovery["type_urls"].as_array().map_or(&[][..], Vec::as_slice);
        if !types.iter().any(|known| *known == *WASM) {
            add(
                "config_discovery.type_urls",
                format!("add {WASM}: Envoy refuses a configuration of another type"),
            );
        }
    }
}

/// Finds configurations of filters that no patch inserts: the gateway does not have the filter.
fn missing_insertions(resources: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let patches = patches(resources);
    let inserted: Vec<&str> = patches
        .iter()
        .filter(|(.., patch)| inserts(patch))
        .filter_map(|(.., patch)| name_of_ours(patch))
        .collect();
    for (filter, number, patch) in patches.iter().filter(|(.., patch)| adds_extension(patch)) {
        // One that is inserted under another name lacks its configuration, which is the error.
        let is_inserted = |name: &&str| {
            inserted.contains(name)
                || envoy::which(at(patch, "/patch/value"))
                    .is_some_and(|filter| inserted.iter().any(|name| name.contains(filter)))
        };
        if let Some(name) = name_of_ours(patch).filter(|name| !is_inserted(name)) {
            let text = format!(
                "no HTTP_FILTER patch with the operation {} in these files inserts {name:?}, so the gateway does not have \
                 this filter",
                INSERTS.join(" or ")
            );
            let location = filter.location(&format!("spec.configPatches[{number}].patch.value.name"));
            findings.push(Finding::new(FindingKind::MissingFilter, location, text));
        }
    }
}

/// Finds webhooks' filters and billing with different memory.
fn separate_vms(resources: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let is_reader =
        |patch: &Value| envoy::which(at(patch, "/patch/value")).is_some_and(|name| READERS.contains(&name));
    let vm = |patch: &Value| at(patch, "/patch/value/typed_config/config/vm_config/vm_id").clone();
    let patches = patches(resources);
    let mut readers = patches.iter().filter(|(.., patch)| is_reader(patch));
    let Some((.., first)) = readers.next() else { return };
    if let Some((filter, number, _)) = readers.find(|(.., patch)| vm(patch) != vm(first)) {
        let path = format!("spec.configPatches[{number}].patch.value.typed_config.config.vm_config.vm_id");
        findings.push(envoy::bootstrap::separate_vms(filter.location(&path)));
    }
}

/// Returns Tollgate's WasmPlugins and the EnvoyFilters with its filters, with the namespaces that they name.
fn filters_by_namespace<'a>(resources: &[Resource<'a>]) -> Vec<(Resource<'a>, &'a str)> {
    let plugins = of_kind(resources, "WasmPlugin").filter(|plugin| filter(*plugin).is_some());
    let patches = patches(resources).into_iter();
    let filters = patches.filter(|(.., patch)| name_of_ours(patch).is_some()).map(|(filter, ..)| filter);
    let all = filters.chain(plugins);
    all.filter_map(|resource| Some((resource, resource.written_namespace()?))).collect()
}

/// Returns whether a ServiceEntry is exported to the namespace of the filters.
pub(in crate::check) fn is_visible(entry: Resource<'_>, resources: &[Resource<'_>]) -> bool {
    let exported = entry.list("/exportTo");
    let filters = filters_by_namespace(resources);
    let Some((_, namespace)) = filters.first() else { return true };
    let is_own = entry.written_namespace().is_none_or(|own| own == *namespace);
    let is_for = |target: &Value| match target.as_str() {
        Some(".") => is_own,
        Some("~") => false,
        Some("*") | None => true,
        Some(other) => other == *namespace,
    };
    exported.is_empty() || exported.iter().any(is_for)
}

/// Returns the error about one of Tollgate's filters in another namespace than the others: each is for the pods
/// of its own.
fn namespaces(resources: &[Resource<'_>]) -> Option<Finding> {
    let mut all = filters_by_namespace(resources).into_iter();
    let (first, namespace) = all.find(|(_, namespace)| *namespace != ROOT_NAMESPACE)?;
    let (other, _) = all.find(|(_, other)| ![namespace, ROOT_NAMESPACE].contains(other))?;
    let text = format!(
        "{} {} is in the namespace {}: each of the two is for the pods of its own namespace, so one of them does nothing at \
         the gateway",
        first.kind(),
        first.name(),
        namespace
    );
    Some(Finding::new(FindingKind::SelectorMismatch, other.location("metadata.namespace"), text))
}
