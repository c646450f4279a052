//! The Kubernetes resources of a file.

use crate::check::at;
use crate::check::finding::Location;
use crate::check::input::file::CheckedFile;
use crate::document::member;
use serde_json::Value;
use tollgate_core::config::SECTION_NAMES;

/// A resource.
#[derive(Clone, Copy, Debug)]
pub(in crate::check) struct Resource<'a> {
    value: &'a Value,
    /// The index of its file.
    file: usize,
    /// The location in the file of the value that it is, or in whose list it is.
    base: &'a str,
    /// Its index in a `List`.
    item: Option<usize>,
}

impl<'a> Resource<'a> {
    /// Returns the value at a pointer below `spec`, or null if there is none.
    pub(in crate::check) fn spec(self, pointer: &str) -> &'a Value {
        at(&self.value["spec"], pointer)
    }

    /// Returns the list at a pointer below `spec`, or an empty one.
    pub(in crate::check) fn list(self, pointer: &str) -> &'a [Value] {
        self.spec(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// Returns a member beside `spec`, or null if there is none.
    pub(in crate::check) fn member(self, name: &str) -> &'a Value {
        &self.value[name]
    }

    /// Returns its name.
    pub(in crate::check) fn name(self) -> &'a str {
        at(self.value, "/metadata/name").as_str().unwrap_or_default()
    }

    /// Returns its namespace.
    pub(in crate::check) fn namespace(self) -> &'a str {
        self.written_namespace().unwrap_or("default")
    }

    /// Returns its namespace, if the file has it: otherwise it is the one that kubectl is given.
    pub(in crate::check) fn written_namespace(self) -> Option<&'a str> {
        at(self.value, "/metadata/namespace").as_str()
    }

    /// Returns whether it is one of Istio's.
    pub(in crate::check) fn is_of_istio(self) -> bool {
        self.value["apiVersion"].as_str().is_some_and(|version| version.contains("istio.io/"))
    }

    /// Returns its kind.
    pub(in crate::check) fn kind(self) -> &'a str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    /// Returns the location of a path in the resource.
    pub(in crate::check) fn location(self, path: &str) -> Location {
        let item = self.item.map(|item| format!("items[{item}]")).unwrap_or_default();
        let shown = format!("{} {}: {path}", self.kind(), self.name());
        Location { file: self.file, path: member(&member(self.base, &item), path), shown }
    }

    /// Returns whether one of its targets has that kind and name.
    pub(in crate::check) fn targets(self, kind: &str, name: &str) -> bool {
        let one = std::slice::from_ref(self.spec("/targetRef"));
        self.list("/targetRefs")
            .iter()
            .chain(one)
            .any(|target| target["kind"] == kind && target["name"] == name)
    }
}

/// Returns all resources of some files, including those of a `List`.
pub(in crate::check) fn all<'a>(
    files: impl IntoIterator<Item = &'a CheckedFile>,
) -> impl Iterator<Item = Resource<'a>> {
    let of_file = |file: &'a CheckedFile| {
        file.contents.values.iter().flat_map(move |found| {
            let (file, base) = (file.index, found.location.as_str());
            let items: Vec<Resource<'a>> = match at(&found.value, "/items") {
                Value::Array(items) => {
                    let items = items.iter().enumerate();
                    items.map(|(item, value)| Resource { value, file, base, item: Some(item) }).collect()
                }
                _ => vec![Resource { value: &found.value, file, base, item: None }],
            };
            items
        })
    };
    let is_resource = |value: &Value| value["kind"].is_string() && value["apiVersion"].is_string();
    files.into_iter().flat_map(of_file).filter(move |resource| is_resource(resource.value))
}

/// Returns those of a kind.
pub(in crate::check) fn of_kind<'a>(
    resources: &[Resource<'a>],
    kind: &str,
) -> impl Iterator<Item = Resource<'a>> {
    resources.iter().copied().filter(move |resource| resource.value["kind"] == kind)
}

/// Returns which filter a plugin is, by its name or the last segment of its source.
pub(in crate::check) fn which(names: &[&Value]) -> Option<&'static str> {
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).replace('-', "_");
    let names: Vec<String> = names.iter().filter_map(|name| Some(last(name.as_str()?))).collect();
    SECTION_NAMES.iter().copied().find(|filter| names.iter().any(|name| name.contains(filter)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plugin_is_what_its_name_or_its_image_says() {
        let cases = [
            (json!("stripe_webhook"), Some("stripe_webhook")),
            (json!("oci://registry.example.com/tollgate/plan-gate:0.1.0"), Some("plan_gate")),
            (json!("registry.example.com/billing/plan-gate:0.1.0"), Some("plan_gate")),
            (json!("tollgate-billing"), Some("billing")),
            (json!("registry.example.com/billing/other:1"), None),
            (json!(null), None),
        ];
        for (name, filter) in cases {
            assert_eq!(which(&[&name]), filter, "{name}");
        }
    }

    #[test]
    fn a_list_is_its_items_and_other_values_are_no_resources() {
        let named = |name: &str| json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": name}});
        let values = [
            json!({"apiVersion": "v1", "kind": "List", "items": [named("a")]}),
            named("b"),
            json!({"plans": []}),
        ];
        let text = values.map(|value| value.to_string()).join("\n---\n");
        let (file, _) = CheckedFile::new(0, "a", text);
        let resources: Vec<Resource<'_>> = all([&file]).collect();
        let names: Vec<&str> = of_kind(&resources, "A").map(Resource::name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(resources[0].location("spec.x").path, "document 1.items[0].spec.x");
        assert_eq!(resources[1].location("spec.x").shown, "A b: spec.x");
    }
}
