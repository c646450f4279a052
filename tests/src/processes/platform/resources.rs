//! The resources of a file for Kubernetes, with the few edits that a test needs.

use crate::install::workspace;
use serde::Deserialize;
use serde_norway::Value;

/// Resources in their order. Those of a `List` stand in its place.
#[derive(Clone, Debug)]
pub struct Resources {
    file: String,
    all: Vec<Value>,
}

impl Resources {
    /// Those of a file of the repository, given from its root.
    ///
    /// # Panics
    /// When it is not there or no YAML.
    pub fn load(file: &str) -> Resources {
        let mut all = Vec::new();
        for document in serde_norway::Deserializer::from_str(&workspace::text(file)) {
            let mut value = Value::deserialize(document).unwrap_or_else(|e| panic!("{file}: {e}"));
            match value.get_mut("items").and_then(Value::as_sequence_mut) {
                Some(items) => all.append(items),
                None => all.push(value),
            }
        }
        Resources { file: file.to_owned(), all }
    }

    /// All of them.
    pub fn all(&self) -> &[Value] {
        &self.all
    }

    /// Those of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.all.iter().filter(move |resource| resource["kind"] == kind)
    }

    /// The one of that kind and name.
    ///
    /// # Panics
    /// When it is not there: an edit that finds nothing to edit would leave the test testing something else.
    pub fn get(&mut self, kind: &str, name: &str) -> &mut Value {
        let found = self
            .all
            .iter_mut()
            .find(|resource| resource["kind"] == kind && resource["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("{} has no {kind} {name}", self.file))
    }

    /// One more.
    pub fn push(&mut self, resource: Value) {
        self.all.push(resource);
    }

    /// As YAML documents. JSON is YAML, and has no plain words that readers understand differently.
    ///
    /// # Panics
    /// When an edit has put something in that JSON has not.
    pub fn text(&self) -> String {
        let documents = self.all.iter().map(|resource| serde_json::to_string(resource).expect("JSON"));
        documents.collect::<Vec<_>>().join("\n---\n")
    }
}
