//! Finds Tollgate's document in a file: the whole file, or inside of a configuration of Envoy, Istio or Envoy
//! Gateway.

use crate::field_names;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::path::Path;
use tollgate_core::config::SECTION_NAMES;

/// The maximum nesting depth of a document in a file.
const DEPTH_MAX: usize = 64;

/// A value of a file: a YAML document, or the one JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileValue {
    /// The location of the value in the file: empty, or its number if there are several.
    pub(crate) location: String,
    /// The value itself.
    pub(crate) value: Value,
}

/// A document in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundDocument {
    /// The location: empty for the file itself, otherwise a path like `static_resources.listeners[0]`, after
    /// the number of the YAML document if there are several.
    pub(crate) location: String,
    /// The index of the value that contains it.
    pub(crate) within: usize,
    /// The document itself.
    pub(crate) document: Value,
    /// The JSON text that contains it, as it is in a StringValue.
    pub(crate) text: Option<String>,
}

impl FoundDocument {
    /// Returns the document as the filters read it. A text is returned as it is: in it, a filter refuses what a
    /// parsed value no longer shows, such as a name that is written twice.
    pub(crate) fn json(&self) -> Cow<'_, str> {
        match &self.text {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.document.to_string()),
        }
    }
}

/// The contents of a file.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Its YAML documents, or the one JSON value.
    pub(crate) values: Vec<FileValue>,
    /// The Tollgate documents in them, in order.
    pub(crate) found: Vec<FoundDocument>,
}

/// Reads a file's text as JSON or YAML, also several YAML documents separated by `---`.
///
/// # Errors
/// The error of the YAML parser, with its line.
pub(crate) fn read(text: &str) -> Result<Contents, serde_norway::Error> {
    let mut contents = Contents::default();
    for document in serde_norway::Deserializer::from_str(text) {
        let mut value = Value::deserialize(document)?;
        field_names::normalize(&mut value);
        contents.values.push(FileValue { location: String::new(), value });
    }
    if contents.values.len() > 1 {
        for (number, value) in contents.values.iter_mut().enumerate() {
            value.location = value_location(number);
        }
    }
    let embedded: Vec<FileValue> = contents.values.iter().flat_map(embedded).collect();
    contents.values.extend(embedded);
    for (number, FileValue { location, value }) in contents.values.iter().enumerate() {
        walk(value, location, &mut |location, value| match document_in(location, value) {
            Some(document) => {
                let (location, text) = (location.to_owned(), value.as_str().map(str::to_owned));
                contents.found.push(FoundDocument { location, within: number, document, text });
                false
            }
            None => true,
        });
    }
    Ok(contents)
}

/// Returns Envoy's own files and the documents that a Kubernetes ConfigMap contains as text.
fn embedded(file: &FileValue) -> Vec<FileValue> {
    if file.value.get("kind").is_none_or(|kind| kind != "ConfigMap") {
        return Vec::new();
    }
    let entries = file.value.get("data").and_then(Value::as_object).into_iter().flatten();
    let read = |(name, text): (&String, &Value)| {
        // A document as JSON text is found as such.
        let text =
            text.as_str().filter(|text| document_in("", &Value::String((*text).to_owned())).is_none())?;
        let mut value: Value = serde_norway::from_str(text).ok()?;
        field_names::normalize(&mut value);
        let is_of_interest = value.get("static_resources").is_some() || is_document(&value);
        let location = member(&file.location, &member("data", name));
        is_of_interest.then_some(FileValue { location, value })
    };
    entries.filter_map(read).collect()
}

/// Returns the location of one of several YAML documents of a file, by its index.
pub(crate) fn value_location(index: usize) -> String {
    format!("document {}", index.saturating_add(1))
}

/// Returns the location of a member below another location; that of the whole value is empty.
pub(crate) fn member(location: &str, name: &str) -> String {
    let dot = if location.is_empty() || name.is_empty() || name.starts_with('[') { "" } else { "." };
    format!("{location}{dot}{name}")
}

/// Visits a value and the values in it, each with its location. Values in one for which `visit` returns false
/// are skipped.
pub(crate) fn walk<'a>(value: &'a Value, location: &str, visit: &mut impl FnMut(&str, &'a Value) -> bool) {
    enter(value, location, DEPTH_MAX, visit);
}

fn enter<'a>(
    value: &'a Value,
    location: &str,
    depth: usize,
    visit: &mut impl FnMut(&str, &'a Value) -> bool,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    if !visit(location, value) {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                enter(value, &member(location, name), depth, visit);
            }
        }
        Value::Array(items) => {
            for (number, value) in items.iter().enumerate() {
                enter(value, &format!("{location}[{number}]"), depth, visit);
            }
        }
        _ => {}
    }
}

/// Returns the document that this value is, or contains as text.
fn document_in(location: &str, value: &Value) -> Option<Value> {
    match value {
        Value::Object(members) => {
            let is_whole_file = location.is_empty() && members.contains_key("plans");
            (is_document(value) || is_whole_file).then(|| value.clone())
        }
        // A StringValue contains it as JSON text.
        Value::String(text) if text.trim_start().starts_with('{') => {
            serde_json::from_str(text).ok().filter(is_document)
        }
        _ => None,
    }
}

/// Returns whether it has a section of Tollgate. A setting of Envoy with the name of a filter has a type.
pub(crate) fn is_document(value: &Value) -> bool {
    let is_section = |section: &Value| section.is_object() && section.get("@type").is_none();
    SECTION_NAMES.iter().any(|name| value.get(name).is_some_and(is_section))
}

/// Returns whether a text can be the name of an environment variable in a document. Anything else there may be
/// the secret itself, so that no message may show it.
pub(crate) fn is_variable_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// Returns the only document in a file that has a section of one of those names.
///
/// # Errors
/// With the file's name: it cannot be read, or contains no such document, or several that differ.
pub(crate) fn of_file(file: &Path, sections: &[&str]) -> Result<Value, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"));
    let document = text.and_then(|text| only(&read(&text).map_err(|error| error.to_string())?, sections));
    document.map_err(|error| format!("{}: {error}", file.display()))
}

/// Returns the only document with a section of one of those names. Identical documents count as one.
///
/// # Errors
/// There is none, or there are several that differ.
fn only(contents: &Contents, sections: &[&str]) -> Result<Value, String> {
    let mut documents: Vec<&Value> = Vec::new();
    let has_section = |found: &&FoundDocument| sections.iter().any(|name| found.document.get(name).is_some());
    for found in contents.found.iter().filter(has_section) {
        if !documents.contains(&&found.document) {
            documents.push(&found.document);
        }
    }
    match documents[..] {
        [document] => Ok(document.clone()),
        [] => Err(format!(
            "there is no document with a section `{}` in it; name the file that configures it",
            sections.join("` or `")
        )),
        _ => Err("there are several documents that differ; name a file with one".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_found_at_any_location() {
        let bare = "plans: []\nstripe_webhook: {path: /x}\n";
        let nested = "kind: A\n---\nspec:\n  config:\n  - plans: []\n    stripe_webhook: {path: /x}\n";
        let text = "value: |\n  {\"plans\": [], \"stripe_webhook\": {\"path\": \"/x\"}}\n";
        let want = serde_json::json!({"plans": [], "stripe_webhook": {"path": "/x"}});
        let cases = [
            ("bare", bare, "", 0),
            ("nested", nested, "document 2.spec.config[0]", 1),
            ("as text", text, "value", 0),
        ];
        for (why, file, location, within) in cases {
            let contents = read(file).unwrap();
            let text = (why == "as text").then(|| contents.found[0].json().into_owned());
            let found = FoundDocument { location: location.to_owned(), within, document: want.clone(), text };
            assert_eq!(contents.found, [found], "{why}");
            assert_eq!(only(&contents, &["stripe_webhook"]), Ok(want.clone()), "{why}");
        }
        let map = format!(
            "kind: ConfigMap\ndata:\n  a: text\n  tollgate.yaml: |\n    {}",
            bare.replace('\n', "\n    ")
        );
        let found = &read(&map).unwrap().found;
        assert_eq!((found[0].location.as_str(), &found[0].document), ("data.tollgate.yaml", &want));
        let twice = read(&format!("{nested}---\n{bare}")).unwrap();
        assert_eq!(only(&twice, &["stripe_webhook"]), Ok(want));
        let none = only(&read("plans: []").unwrap(), &["stripe_webhook"]);
        assert!(none.unwrap_err().contains("no document"));
        let two = read(&format!("{bare}---\nplans: []\nstripe_webhook: {{path: /y}}\n")).unwrap();
        assert!(only(&two, &["stripe_webhook"]).unwrap_err().contains("several"));
    }
}
