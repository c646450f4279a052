//! Warnings about Envoy's configuration around Tollgate's filters: their order, their settings, and the
//! clusters that they call.

pub(super) mod bootstrap;
pub(super) mod clusters;
pub(super) mod credentials;
pub(super) mod destinations;
pub(super) mod key_file;
pub(super) mod misspelled;
pub(super) mod named_files;
pub(super) mod settings;
mod types;

use super::at;
use super::finding::{Base, Finding, FindingKind, Location};
use crate::check::document::callouts::Named;
use crate::check::filters::{BILLING, GATE, ORDER, UNSERVED, document_of, has_billing, out_of_order};
use crate::document;
use serde_json::Value;
use tollgate_core::config::SECTION_NAMES;

/// Returns all findings about Envoy's configuration, whose documents name these clusters; none for any other
/// value.
pub(super) fn findings(base: Base<'_>, value: &Value, named: &[Named]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (location, list) in all(value, "http_filters") {
        chain(base, &location, list.as_array().map_or(&[][..], Vec::as_slice), &mut findings);
    }
    findings.extend(clusters::findings(base, value, named));
    findings
}

/// Returns Tollgate's filters in a configuration of Envoy, or in the patches of Istio's EnvoyFilters.
pub(super) fn filters(value: &Value) -> Vec<&'static str> {
    let mut found = Vec::new();
    document::walk(value, "", &mut |_, value| {
        found.extend(which(value));
        // One that has the module of another is found by its name too: its module is an error of its own.
        let name = at(value, "/typed_config/config/name");
        found.extend(SECTION_NAMES.iter().copied().find(|own| *name == **own));
        true
    });
    found
}

/// Returns whether a Wasm filter has a document, and is none of Tollgate's by its module and its name.
pub(super) fn has_unnamed(value: &Value) -> bool {
    let mut found_one = false;
    document::walk(value, "", &mut |_, filter| {
        found_one |= filter.pointer("/typed_config/config").is_some()
            && which(filter).is_none()
            && document_of(document_in(filter)).is_some();
        true
    });
    found_one
}

/// Returns every value named `name`, and its location.
fn all<'a>(value: &'a Value, name: &str) -> Vec<(String, &'a Value)> {
    let mut found = Vec::new();
    document::walk(value, "", &mut |location, value| {
        if location.rsplit('.').next() == Some(name) {
            found.push((location.to_owned(), value));
        }
        true
    });
    found
}

/// Returns which of Tollgate's filters an entry is, by its module or its name.
pub(super) fn which(filter: &Value) -> Option<&'static str> {
    if is_native(filter) {
        let name = at(filter, "/typed_config/filter_name");
        return SECTION_NAMES.iter().copied().find(|own| *name == **own);
    }
    let config = filter.pointer("/typed_config/config")?;
    let file = config.pointer("/vm_config/code").map(ToString::to_string).unwrap_or_default();
    let is_of = |name: &&str| file.contains(&format!("{name}.wasm")) || config["name"] == **name;
    let is_root = |name: &&str| config["root_id"] == **name;
    SECTION_NAMES.iter().copied().find(is_of).or_else(|| SECTION_NAMES.iter().copied().find(is_root))
}

/// Returns whether an entry is a filter of a dynamic module: the native build.
pub(super) fn is_native(filter: &Value) -> bool {
    filter.pointer("/typed_config/dynamic_module_config").is_some()
}

/// Returns the document of one of Tollgate's filters.
pub(super) fn document_in(filter: &Value) -> &Value {
    let pointer = if is_native(filter) { "/filter_config/value" } else { "/config/configuration/value" };
    at(at(filter, "/typed_config"), pointer)
}

fn chain(base: Base<'_>, location: &str, filters: &[Value], findings: &mut Vec<Finding>) {
    let ours: Vec<Option<&str>> = filters.iter().map(which).collect();
    if let Some(late) = out_of_order(&ours) {
        findings.push(Finding::new(FindingKind::FilterOrder, base.at(&format!("{location}[{late}]")), ORDER));
    }
    let cors = filters.iter().position(|filter| filter["name"] == "envoy.filters.http.cors");
    if let (Some(cors), Some(first)) = (cors, ours.iter().position(Option::is_some))
        && cors > first
    {
        let text = "the cors filter must come before Tollgate's, or a browser cannot read their responses";
        findings.push(Finding::new(FindingKind::CorsOrder, base.at(&format!("{location}[{cors}]")), text));
    }
    findings.extend(misplaced_router(base, location, filters, &ours));
    let is_unknown = |filter: &Value| which(filter).is_none() && is_of_module(filter);
    let may_serve = ours.contains(&Some(BILLING)) || filters.iter().any(is_unknown);
    for (number, filter) in filters.iter().enumerate() {
        if which(filter) == Some(GATE) && !may_serve && has_billing(document_in(filter)) {
            findings.push(Finding::new(
                FindingKind::MissingFilter,
                base.at(&format!("{location}[{number}]")),
                UNSERVED,
            ));
        }
        if let Some(name) = which(filter) {
            let setting = |path: &str| {
                let inside = path.strip_prefix(".config").unwrap_or(path).trim_start_matches('.');
                let shown = format!("filter {name}: {inside}");
                Location { shown, ..base.at(&format!("{location}[{number}].typed_config{path}")) }
            };
            settings::plugin(&setting, name, filter, findings);
        } else if is_of_module(filter) {
            let known = SECTION_NAMES.join(", ");
            let location = base.at(&format!("{location}[{number}].typed_config.filter_name"));
            findings.push(Finding::new(
                FindingKind::UnknownFilter,
                location,
                format!("the module has no such filter: it has {known}"),
            ));
        }
    }
}

/// Returns the error about filters of Tollgate's without the router as the last filter.
fn misplaced_router(
    base: Base<'_>,
    location: &str,
    filters: &[Value],
    ours: &[Option<&str>],
) -> Option<Finding> {
    let is_router = |filter: &Value| {
        filter["name"] == "envoy.filters.http.router"
            || at(filter, "/typed_config/@type").as_str().is_some_and(|name| name.ends_with(".v3.Router"))
    };
    let last = filters.len().checked_sub(1)?;
    ours.iter().find(|filter| filter.is_some())?;
    let wrong = match filters.iter().position(is_router) {
        Some(router) if router < last => router,
        // The last of other filters may end the chain instead.
        None if ours.last().is_some_and(Option::is_some) => last,
        _ => return None,
    };
    let text = "the router (envoy.filters.http.router) must be the last filter; Envoy does not start";
    Some(Finding::new(FindingKind::MisplacedRouter, base.at(&format!("{location}[{wrong}]")), text))
}

/// Returns whether an entry loads Tollgate's dynamic module.
fn is_of_module(filter: &Value) -> bool {
    filter
        .pointer("/typed_config/dynamic_module_config")
        .is_some_and(|module| module.to_string().contains("tollgate"))
}
