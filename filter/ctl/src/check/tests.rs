//! The results of `tollgate check` for the text of a file.

mod documents;
mod envoy;
mod envoy_gateway;
mod filters;
mod istio;
mod secrets;
mod sound;
mod variants;

use super::check;
use super::finding::{Finding, FindingKind, Level};
use super::input::file::CheckedFile;
use serde::Deserialize;
use serde_json::Value;

/// The findings about a file.
#[derive(Debug)]
struct CheckVerdict {
    locations: Vec<String>,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl CheckVerdict {
    /// Returns the errors and the warnings.
    fn all(&self) -> Vec<Finding> {
        self.errors.iter().chain(&self.warnings).cloned().collect()
    }
}

/// Checks a text. That it contains placeholders of the examples is ignored.
fn verdict(text: &str) -> CheckVerdict {
    let (file, error) = CheckedFile::new(0, "a.yaml", text.to_owned());
    let locations = file.documents().into_iter().map(str::to_owned).collect();
    let files = [file];
    let found = error.into_iter().chain(check(&files, false));
    let found = found.filter(|finding| finding.kind != FindingKind::Placeholder);
    let (errors, warnings) = found.partition(|finding| finding.kind.level() == Level::Error);
    CheckVerdict { locations, errors, warnings }
}

/// Returns a shipped configuration, after an edit of its text.
fn shipped_file(file: &str, from: &str, to: &str) -> String {
    let path = format!("{}/../../envoy/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// Returns the shipped configuration of Envoy, after an edit of its text.
fn shipped(from: &str, to: &str) -> String {
    shipped_file("standalone.yaml", from, to)
}

/// The number of warnings about the shipped configurations, without those about placeholders.
const OF_THE_EXAMPLE: usize = 0;

/// Returns the documents of a shipped file.
fn shipped_values(file: &str) -> Vec<Value> {
    let text = shipped_file(file, "plans:", "plans:");
    serde_norway::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// Checks that a shipped file for a platform has only the example's warnings, and one more after each edit.
fn platform(file: &str, cases: &[(&str, &str, &str, &str)]) {
    let got = verdict(&shipped_file(file, "plans:", "plans:"));
    assert_eq!(got.errors, []);
    assert_eq!(got.warnings.len(), OF_THE_EXAMPLE, "{:?}", got.warnings);
    assert_eq!(got.locations.len(), 4, "once for each filter");
    for (from, to, location, text) in cases {
        let got = verdict(&shipped_file(file, from, to));
        assert_eq!(got.all().len(), 1 + OF_THE_EXAMPLE, "{from}: {:?}", got.warnings);
        let is_it =
            |warning: &&Finding| warning.location.shown.contains(location) && warning.text.contains(text);
        assert!(got.all().iter().any(|warning| is_it(&warning)), "{from}: {:?}", got.warnings);
    }
}
