//! The Secrets of Kubernetes: their values as the filters and Envoy get them. No message shows one.

use super::document::environment;
use super::document::example::placeholder_in;
use super::envoy::key_file;
use super::finding::{Base, Finding, FindingKind};
use super::input::resource::{Resource, of_kind};
use crate::document::{self, FoundDocument};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tollgate_core::config::ApiKeyVariable;

/// Returns the errors and warnings about the values that Tollgate reads from Secrets: variables of these
/// documents, API keys, and files with API keys.
pub(super) fn findings(resources: &[Resource<'_>], documents: &[&FoundDocument]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for secret in of_kind(resources, "Secret") {
        for (member, is_encoded) in [("data", true), ("stringData", false)] {
            let values = secret.member(member).as_object().into_iter().flatten();
            for (name, value) in values.filter_map(|(name, value)| Some((name, value.as_str()?))) {
                let problem = match is_encoded {
                    true => decoded(value).map_or_else(Some, |value| problem(name, &value, documents)),
                    false => problem(name, value, documents),
                };
                let location = secret.location(&format!("{member}.{name}"));
                findings.extend(problem.map(|(kind, text)| Finding::new(kind, location, text)));
            }
        }
    }
    findings
}

/// A kind of finding, and its text.
type Problem = (FindingKind, String);

/// Returns the text of an encoded value. Other values than text are none of Tollgate's, and are empty.
fn decoded(value: &str) -> Result<String, Problem> {
    match STANDARD.decode(value.trim()) {
        Ok(bytes) => Ok(String::from_utf8(bytes).unwrap_or_default()),
        Err(_) => {
            let text = "it is not base64: write it under `stringData` instead, as it is, or encode it";
            Err((FindingKind::InvalidEnvironment, text.to_owned()))
        }
    }
}

/// Returns what is wrong with a value of that name.
fn problem(name: &str, value: &str, documents: &[&FoundDocument]) -> Option<Problem> {
    if let Ok(contents) = document::read(value)
        && let Some(found) = contents.values.iter().find(|found| key_file::is_key_file(&found.value))
        && let Some((path, text)) = key_file::problems(&found.value, &[]).into_iter().next()
    {
        return Some((FindingKind::InvalidKeyFile, format!("{path}: {text}")));
    }
    if let Some(placeholder) = placeholder_in(value) {
        let text = format!("{placeholder} is a placeholder of the examples; write your own value");
        return Some((FindingKind::Placeholder, text));
    }
    // The filters ignore blanks and line breaks around a value.
    let is_api_key = ApiKeyVariable::ALL.iter().any(|variable| variable.name() == name);
    if is_api_key && let Some(problem) = key_file::key_problem(value.trim()) {
        return Some((FindingKind::InvalidEnvironment, problem.to_owned()));
    }
    documents.iter().find_map(|found| of_variable(name, value, found))
}

/// Returns the error with which a filter of the document would not start, if this variable had this value.
fn of_variable(name: &str, value: &str, found: &FoundDocument) -> Option<Problem> {
    let mut locations: Vec<String> = Vec::new();
    document::walk(&found.document, "", &mut |location, read| {
        if location.rsplit('.').next() == Some("env") && *read == *name {
            locations.push(location.to_owned());
        }
        true
    });
    if locations.is_empty() {
        return None;
    }
    let only_it = |read: &str| (read == name).then(|| value.to_owned());
    let errors = environment::errors(Base { file: 0, location: "" }, found.json().as_bytes(), &only_it);
    let error = errors.into_iter().find(|error| {
        locations.iter().any(|location| {
            error.location.path == *location || format!("{}.env", error.location.path) == *location
        })
    })?;
    Some((FindingKind::InvalidEnvironment, error.text))
}
