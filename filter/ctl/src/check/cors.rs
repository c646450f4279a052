//! Whether the origins that the CORS policies allow are those whose tokens the gate accepts. In Envoy's own
//! file, a YAML anchor keeps them equal; no anchor reaches another YAML document, such as another resource.

use super::finding::{Finding, FindingKind};
use super::input::file::CheckedFile;
use crate::document;
use serde_json::Value;

/// The lists of allowed origins: Envoy's, and Istio's and Envoy Gateway's.
const LISTS: [&str; 2] = ["allow_origin_string_match", "allowOrigins"];

/// Returns a warning about each list of allowed origins in the files that differs from the authorized parties
/// of these documents. A list with a pattern is not compared.
pub(super) fn findings(files: &[&CheckedFile], documents: &[&Value]) -> Vec<Finding> {
    let lists = documents.iter().filter_map(|document| document.pointer("/plan_gate/authorized_parties"));
    let parties: Vec<&str> = lists.filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
    let mut findings = Vec::new();
    if parties.is_empty() {
        return findings;
    }
    for file in files {
        for value in &file.contents.values {
            document::walk(&value.value, "", &mut |location, found| {
                let name = location.rsplit('.').next().unwrap_or_default();
                if LISTS.contains(&name)
                    && let Some(difference) =
                        exact_origins(found).and_then(|allowed| difference(&allowed, &parties))
                {
                    let location = file.base(&value.location).at(location);
                    findings.push(Finding::new(FindingKind::CorsOrigins, location, difference));
                }
                true
            });
        }
    }
    findings
}

/// Returns the origins of a list; `None` if one is a pattern.
fn exact_origins(list: &Value) -> Option<Vec<&str>> {
    list.as_array()?.iter().map(exact_origin).collect()
}

fn exact_origin(entry: &Value) -> Option<&str> {
    let origin = entry.as_str().or_else(|| entry["exact"].as_str())?;
    (!origin.contains('*')).then_some(origin)
}

/// Returns how the allowed origins differ from the authorized parties, and what to do.
fn difference(allowed: &[&str], parties: &[&str]) -> Option<String> {
    if let Some(origin) = allowed.iter().find(|origin| !parties.contains(origin)) {
        return Some(format!(
            "browsers may call from {origin}, which is not in `plan_gate.authorized_parties`: every token from there gets 401 \
             `unauthorized_party`; write the same origins in both"
        ));
    }
    let party = parties.iter().find(|party| !allowed.contains(party))?;
    Some(format!(
        "{party} is in `plan_gate.authorized_parties` and not allowed here: a browser there cannot read the service's \
         responses; write the same origins in both"
    ))
}
