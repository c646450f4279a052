//! The files that Envoy's own file names, as they are on this machine.

use super::finding::{Base, Finding, FindingKind};
use super::key_file;
use crate::document::{self, read};
use serde_json::Value;
use std::path::Path;

/// Returns the findings; none if the value is not Envoy's own file, because others describe other machines.
pub(super) fn findings(base: Base<'_>, value: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    if value.get("static_resources").is_none() {
        return findings;
    }
    let names = key_file::read_names(value);
    document::walk(value, "", &mut |location, found| {
        let Value::String(file) = found else { return true };
        let is_key_file = location.ends_with("path_config_source.path");
        if !(location.ends_with(".filename") || is_key_file || location.ends_with("watched_directory.path")) {
            return true;
        }
        match Path::new(file).metadata() {
            Err(error) => {
                let text = format!("{file}: {error}");
                findings.push(Finding::new(FindingKind::MissingFile, base.at(location), text));
            }
            Ok(_) if is_key_file => {
                let text = key_file_problem(file, &names);
                let finding = |text| Finding::new(FindingKind::InvalidKeyFile, base.at(location), text);
                findings.extend(text.map(finding));
            }
            Ok(_) => {}
        }
        true
    });
    findings
}

/// Returns the first problem of a file with a key.
fn key_file_problem(file: &str, names: &[String]) -> Option<String> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return Some(format!("{file}: {error}")),
    };
    let problem = match read(&text) {
        Ok(contents) => {
            contents.values.iter().flat_map(|found| key_file::problems(&found.value, names)).next()
        }
        // The parser's message could contain a part of the key.
        Err(_) => Some((String::new(), "it is not YAML".to_owned())),
    };
    problem.map(|(path, text)| format!("{file}: {path}: {text}"))
}
