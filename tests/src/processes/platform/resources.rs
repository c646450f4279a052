//! The Kubernetes resources of a file, with the few edits that a test needs.

use crate::install::workspace;
use serde::Deserialize;
use serde_norway::Value;

/// Resources in order. A `List` is replaced by its items.
#[derive(Clone, Debug)]
pub struct Resources {
    file: String,
    all: Vec<Value>,
}

impl Resources {
    /// Loads a file, given by its path from the repository's root.
    ///
    /// # Panics
    /// If it cannot be read or is not YAML.
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

    /// Returns all of them.
    pub fn all(&self) -> &[Value] {
        &self.all
    }

    /// Returns those of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.all.iter().filter(move |resource| resource["kind"] == kind)
    }

    /// Returns the one of that kind and name.
    ///
    /// # Panics
    /// If it does not exist: an edit without a target would leave the test testing something else.
    pub fn get(&mut self, kind: &str, name: &str) -> &mut Value {
        let found = self
            .all
            .iter_mut()
            .find(|resource| resource["kind"] == kind && resource["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("{} has no {kind} {name}", self.file))
    }

    /// Adds a resource.
    pub fn push(&mut self, resource: Value) {
        self.all.push(resource);
    }

    /// Returns them as YAML documents in JSON, which has no plain words that readers understand differently.
    ///
    /// # Panics
    /// If an edit has put in something that JSON cannot represent.
    pub fn text(&self) -> String {
        let documents = self.all.iter().map(|resource| serde_json::to_string(resource).expect("JSON"));
        documents.collect::<Vec<_>>().join("\n---\n")
    }
}
