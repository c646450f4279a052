//! Warnings about Envoy's configuration around Tollgate's filters: their order, their settings, and the
//! clusters that they call.

pub(super) mod bootstrap;
pub(super) mod credentials;
pub(super) mod key_file;
pub(super) mod named_files;

use super::finding::{Base, Finding, FindingKind, Location};
use super::{
    BILLING, GATE, ORDER, READERS, UNSERVED, at, has_billing, needed_document, not_held, out_of_order,
};
use crate::check::document::callouts::{self, Named};
use crate::check::input::resource;
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
    let clusters = clusters(value);
    if !clusters.is_empty() {
        let passed = credentials::passed_variables(value);
        for named in named {
            cluster(base, named, &clusters, &passed, &mut findings);
        }
        for (location, cluster) in &clusters {
            findings.extend(credentials::missing_codec(base.at(location), cluster));
        }
    }
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

/// Returns every cluster, and its location.
fn clusters(value: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (location, list) in all(value, "clusters") {
        let list = list.as_array().map_or(&[][..], Vec::as_slice).iter().enumerate();
        found.extend(list.map(|(number, cluster)| (format!("{location}[{number}]"), cluster)));
    }
    found
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
    SECTION_NAMES.iter().copied().find(is_of)
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
            plugin(&setting, name, filter, findings);
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

/// Returns whether an entry loads Tollgate's dynamic module.
fn is_of_module(filter: &Value) -> bool {
    filter
        .pointer("/typed_config/dynamic_module_config")
        .is_some_and(|module| module.to_string().contains("tollgate"))
}

/// Returns the location of a path in a filter's settings.
type At<'a> = &'a dyn Fn(&str) -> Location;

/// Checks the settings of one filter. They have the same names on Istio.
pub(super) fn plugin(location: At<'_>, name: &str, filter: &Value, findings: &mut Vec<Finding>) {
    match is_native(filter) {
        true => native_filter(location, name, filter, findings),
        false => wasm_filter(&|path| location(&format!(".config{path}")), name, filter, findings),
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
    let mut passed: Vec<&str> =
        environment["host_env_keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    passed.extend(environment["key_values"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()));
    for variable in callouts::unseen(name, &document, &passed) {
        let location = location(".vm_config.environment_variables.host_env_keys");
        findings.push(Finding::unseen(location, &variable));
    }
}

/// Returns the error about a filter that has the module of another.
pub(super) fn wrong_module(location: Location, name: &Value, modules: &[&Value]) -> Option<Finding> {
    let name = SECTION_NAMES.iter().find(|own| *name == ***own)?;
    let module = resource::which(modules).filter(|module| module != name)?;
    let text = format!("the filter is {name}, and this is the module of {module}");
    Some(Finding::new(FindingKind::WrongModule, location, text))
}

/// Checks the cluster that a document calls: whether it exists, adds the key, and verifies the server.
fn cluster(
    base: Base<'_>,
    named: &Named,
    clusters: &[(String, &Value)],
    passed: &[String],
    findings: &mut Vec<Finding>,
) {
    let name = &named.cluster;
    let Some((location, cluster)) = clusters.iter().find(|(_, cluster)| cluster["name"] == **name) else {
        let text = format!("this file has no cluster {name:?}");
        findings.push(Finding::new(FindingKind::UnknownCluster, named.location.clone(), text));
        return;
    };
    if !credentials::has_injector(cluster) {
        let location = Location { shown: format!("cluster {name}"), ..base.at(location) };
        findings.extend(credentials::missing_credential(location, named, passed));
    }
    if named.needs_tls() {
        findings.extend(tls(&base.at(location), name, cluster));
    }
}

fn tls(location: &Location, name: &str, cluster: &Value) -> Option<Finding> {
    let location = |field: &str| Location {
        shown: format!("cluster {name}{field}"),
        path: format!("{}{field}", location.path),
        ..*location
    };
    let Some(socket) = cluster.get("transport_socket") else {
        let text =
            "there is no TLS: keys and responses can be read in transit, and anyone on the path can respond";
        return Some(Finding::new(FindingKind::NoTls, location(".transport_socket"), text));
    };
    let context = at(socket, "/typed_config/common_tls_context/validation_context");
    let verified = context.get("trusted_ca").is_some() || context.get("system_root_certs").is_some();
    let named = context.get("match_typed_subject_alt_names").is_some()
        || at(socket, "/typed_config/auto_sni_san_validation") == true
        || cluster.to_string().contains(r#""auto_san_validation":true"#);
    if verified && named {
        return None;
    }
    let text = "the certificate is not verified: add a `trusted_ca` and `match_typed_subject_alt_names` to \
        `validation_context`, or anyone on the path can respond";
    Some(Finding::new(FindingKind::UnverifiedTls, location(".transport_socket"), text))
}
