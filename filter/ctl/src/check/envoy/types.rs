//! The types (`@type`) of Tollgate's filters and of the documents in them. Envoy refuses a value of another type.

use crate::check::at;
use crate::check::envoy::is_native;
use crate::check::envoy::settings::At;
use crate::check::finding::{Finding, FindingKind};
use serde_json::Value;

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const DYNAMIC_MODULE: &str =
    "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter";
const STRUCT: &str = "type.googleapis.com/google.protobuf.Struct";
const TEXT: &str = "type.googleapis.com/google.protobuf.StringValue";

/// Returns the errors about the types in one filter. `document` is the path of its configuration.
pub(super) fn findings(location: At<'_>, filter: &Value, document: &str) -> Vec<Finding> {
    let wrong = |path: &str, wanted: &str| {
        Finding::new(FindingKind::WrongType, location(&format!("{path}.@type")), format!("write {wanted}"))
    };
    let mut findings = Vec::new();
    let wanted = if is_native(filter) { DYNAMIC_MODULE } else { WASM };
    if !is_type(at(filter, "/typed_config"), wanted) {
        findings.push(wrong("", wanted));
    }
    let given = at(filter, &format!("/typed_config{}", document.replace('.', "/")));
    let problem = match &given["value"] {
        Value::Object(_) if !is_type(given, STRUCT) => Some((STRUCT, "fields")),
        Value::String(_) if !is_type(given, TEXT) => Some((TEXT, "JSON text")),
        _ => None,
    };
    if let Some((wanted, form)) = problem {
        let finding = wrong(document, wanted);
        let text = format!("{}: the document is given as {form}", finding.text);
        findings.push(Finding { text, ..finding });
    }
    findings
}

/// Returns whether a value has a type. What comes before the last `/` of its name can be anything.
fn is_type(value: &Value, wanted: &str) -> bool {
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    value["@type"].as_str().is_some_and(|name| name.contains('/') && last(name) == last(wanted))
}
