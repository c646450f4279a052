//! How Clerk merges metadata: objects deeply; null deletes a key; anything else is replaced.

use serde_json::{Map, Value};

/// Changes `present` by `update`, as `PATCH …/metadata` does.
pub fn merge(present: &mut Value, update: &Value) {
    let Value::Object(changes) = update else {
        present.clone_from(update);
        return;
    };
    if !present.is_object() {
        *present = Value::Object(Map::new());
    }
    let Value::Object(fields) = present else { return };
    for (key, change) in changes {
        if change.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_merged_deeply_nulls_delete_and_the_rest_is_replaced() {
        let cases = [
            ("a new key beside others", json!({"a": 1}), json!({"b": 2}), json!({"a": 1, "b": 2})),
            ("the same key", json!({"a": 1}), json!({"a": 2}), json!({"a": 2})),
            (
                "deeply",
                json!({"a": {"b": 1, "c": 2}}),
                json!({"a": {"c": 3}}),
                json!({"a": {"b": 1, "c": 3}}),
            ),
            ("a null deletes", json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2})),
            (
                "a null deletes deeply",
                json!({"a": {"b": 1, "c": 2}}),
                json!({"a": {"b": null}}),
                json!({"a": {"c": 2}}),
            ),
            ("a null for what is not there", json!({"a": 1}), json!({"b": null}), json!({"a": 1})),
            ("arrays are replaced", json!({"a": [1, 2, 3]}), json!({"a": [4]}), json!({"a": [4]})),
            (
                "an object instead of a text",
                json!({"a": "x"}),
                json!({"a": {"b": 1}}),
                json!({"a": {"b": 1}}),
            ),
            ("a text instead of an object", json!({"a": {"b": 1}}), json!({"a": "x"}), json!({"a": "x"})),
            (
                "nulls in a new object are not kept",
                json!({}),
                json!({"a": {"b": null, "c": 1}}),
                json!({"a": {"c": 1}}),
            ),
            ("nothing", json!({"a": 1}), json!({}), json!({"a": 1})),
        ];
        for (why, mut present, update, want) in cases {
            merge(&mut present, &update);
            assert_eq!(present, want, "{why}");
        }
    }
}
