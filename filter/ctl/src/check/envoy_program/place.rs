//! Where a value is inside of another: as a pointer to change it, and as a location to print.

use crate::document::member;
use serde_json::Value;

/// The maximum depth to which values are searched.
const DEPTH_MAX: usize = 64;

/// The place of a value inside of another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The pointer (RFC 6901).
    pointer: String,
    /// The location, as [`crate::document::walk`] has it.
    pub(super) location: String,
}

impl Place {
    /// Returns the place of a member of the object at this place.
    pub(super) fn member(&self, name: &str) -> Place {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        Place { pointer: format!("{}/{escaped}", self.pointer), location: member(&self.location, name) }
    }

    /// Returns the place of an item of the list at this place.
    fn item(&self, number: usize) -> Place {
        Place {
            pointer: format!("{}/{number}", self.pointer),
            location: format!("{}[{number}]", self.location),
        }
    }

    /// Returns the value at this place.
    pub(super) fn value_in<'a>(&self, value: &'a mut Value) -> Option<&'a mut Value> {
        value.pointer_mut(&self.pointer)
    }

    /// Returns the place that a path of Envoy's names, like `static_resources.clusters[0].x[1].<any>.y`.
    /// Members of an object whose names are data have numbers in it, by their order.
    pub(super) fn of_path(value: &Value, path: &str) -> Option<Place> {
        let (mut place, mut found) = (Place::default(), value);
        for step in path.split(['.', '[']).filter(|step| !step.is_empty() && *step != "<any>") {
            (place, found) = match step.strip_suffix(']') {
                Some(number) => entry(&place, found, number.parse().ok()?)?,
                None => (place.member(step), found.get(step)?),
            };
        }
        Some(place)
    }
}

/// Returns an entry of a list, or of an object whose names are data, by its number.
fn entry<'a>(place: &Place, value: &'a Value, number: usize) -> Option<(Place, &'a Value)> {
    match value {
        Value::Object(members) => {
            let (name, value) = members.iter().nth(number)?;
            Some((place.member(name), value))
        }
        _ => Some((place.item(number), value.get(number)?)),
    }
}

/// Returns the outermost values that are wanted, in their order.
pub(super) fn outermost<'a>(value: &'a Value, wanted: &dyn Fn(&Value) -> bool) -> Vec<(Place, &'a Value)> {
    let mut found = Vec::new();
    search(Place::default(), value, DEPTH_MAX, wanted, &mut found);
    found
}

fn search<'a>(
    place: Place,
    value: &'a Value,
    depth: usize,
    wanted: &dyn Fn(&Value) -> bool,
    found: &mut Vec<(Place, &'a Value)>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    if wanted(value) {
        found.push((place, value));
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                search(place.member(name), value, depth, wanted, found);
            }
        }
        Value::Array(items) => {
            for (number, value) in items.iter().enumerate() {
                search(place.item(number), value, depth, wanted, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_of_envoy_leads_to_the_value_in_the_file() {
        let mut value = json!({"clusters": [{}, {"options": {"a.b/c": {"x": {"y": 1}}}}]});
        let place = Place::of_path(&value, "clusters[1].options[0].<any>.x").unwrap();
        assert_eq!(place.location, "clusters[1].options.a.b/c.x");
        assert_eq!(place.value_in(&mut value), Some(&mut json!({"y": 1})));
        assert_eq!(Place::of_path(&value, "clusters[2].x"), None);
        assert_eq!(Place::of_path(&value, "").unwrap(), Place::default());
    }

    #[test]
    fn only_the_outermost_of_nested_values_is_found() {
        let value = json!({"list": [{"@type": "a", "in": {"@type": "b"}}, {"x": {"@type": "c"}}]});
        let found = outermost(&value, &|value| value.get("@type").is_some());
        let locations: Vec<_> = found.iter().map(|(place, _)| place.location.as_str()).collect();
        assert_eq!(locations, ["list[0]", "list[1].x"]);
    }
}
