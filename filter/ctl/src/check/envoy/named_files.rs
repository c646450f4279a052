//! The files that Envoy's own file names, as they are on this machine.

use crate::check::document::example;
use crate::check::envoy::key_file;
use crate::check::finding::{Base, Finding, FindingKind, Location};
use crate::document::{self, read};
use serde_json::Value;
use std::path::Path;

/// Returns the findings; none if the value is not Envoy's own file, because others describe other machines.
pub(in crate::check) fn findings(base: Base<'_>, value: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    if value.get("static_resources").is_none() {
        return findings;
    }
    document::walk(value, "", &mut |location, found| {
        let Value::String(file) = found else { return true };
        const FILES: [&str; 3] = [".filename", "path_config_source.path", "watched_directory.path"];
        if !FILES.iter().any(|member| location.ends_with(member)) {
            return true;
        }
        let names = key_file::names_in_file(value, file);
        // The named file is what must change.
        let location = Location { shown: file.clone(), ..base.at(location) };
        match Path::new(file).metadata() {
            Err(error) => {
                findings.push(Finding::new(FindingKind::MissingFile, location, error.to_string()));
            }
            Ok(_) if !names.is_empty() => {
                let problem = key_file_problem(file, &names);
                findings.extend(problem.map(|(kind, text)| Finding::new(kind, location, text)));
            }
            Ok(_) => {}
        }
        true
    });
    findings
}

/// Returns the first problem of a file with a key.
fn key_file_problem(file: &str, names: &[String]) -> Option<(FindingKind, String)> {
    let invalid = |text: String| Some((FindingKind::InvalidKeyFile, text));
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return invalid(error.to_string()),
    };
    let Ok(contents) = read(&text) else {
        // The parser's message could contain a part of the key.
        return invalid("it is not YAML".to_owned());
    };
    let mut problems = contents.values.iter().flat_map(|found| key_file::problems(&found.value, names));
    if let Some((path, text)) = problems.next() {
        return invalid(format!("{path}: {text}"));
    }
    let placeholder = example::placeholder_in(&text)?;
    let text =
        format!("{placeholder} is a placeholder of the examples; write the file with `tollgate secret`");
    Some((FindingKind::Placeholder, text))
}
