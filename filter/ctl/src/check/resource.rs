//! The resources of a file for Kubernetes.

use super::at;
use serde_json::Value;
use tollgate_core::config::SECTION_NAMES;

/// A resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resource<'a>(&'a Value);

impl<'a> Resource<'a> {
    /// The value at a pointer below `spec`; null if there is none.
    pub(super) fn spec(self, pointer: &str) -> &'a Value {
        at(&self.0["spec"], pointer)
    }

    /// The list at a pointer below `spec`; empty if there is none.
    pub(super) fn list(self, pointer: &str) -> &'a [Value] {
        self.spec(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// Its name.
    pub(super) fn name(self) -> &'a str {
        at(self.0, "/metadata/name").as_str().unwrap_or_default()
    }

    /// Its namespace.
    pub(super) fn namespace(self) -> &'a str {
        at(self.0, "/metadata/namespace").as_str().unwrap_or("default")
    }

    /// Where something of it stands, for a person.
    pub(super) fn location(self, path: &str) -> String {
        format!("{} {}: {path}", self.0["kind"].as_str().unwrap_or_default(), self.name())
    }

    /// Whether one of its targets has that kind and name.
    pub(super) fn targets(self, kind: &str, name: &str) -> bool {
        let one = std::slice::from_ref(self.spec("/targetRef"));
        self.list("/targetRefs")
            .iter()
            .chain(one)
            .any(|target| target["kind"] == kind && target["name"] == name)
    }
}

/// All resources of a file, those of a `List` too.
pub(super) fn all(values: &[Value]) -> Vec<Resource<'_>> {
    let is_resource = |value: &&Value| value["kind"].is_string() && value["apiVersion"].is_string();
    let items = values.iter().flat_map(|value| match &value["items"] {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    });
    items.filter(is_resource).map(Resource).collect()
}

/// Those of a kind.
pub(super) fn of_kind<'a>(resources: &[Resource<'a>], kind: &str) -> impl Iterator<Item = Resource<'a>> {
    resources.iter().copied().filter(move |resource| resource.0["kind"] == kind)
}

/// Which filter a plugin is, by what it is called or where it comes from.
pub(super) fn which(names: &[&Value]) -> Option<&'static str> {
    let names: Vec<String> = names.iter().filter_map(|name| Some(name.as_str()?.replace('-', "_"))).collect();
    SECTION_NAMES.iter().copied().find(|filter| names.iter().any(|name| name.contains(filter)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_its_items_and_what_is_no_resource_is_none() {
        let named = |name: &str| json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": name}});
        let values = [
            json!({"apiVersion": "v1", "kind": "List", "items": [named("a")]}),
            named("b"),
            json!({"plans": []}),
        ];
        let names: Vec<&str> = of_kind(&all(&values), "A").map(Resource::name).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
