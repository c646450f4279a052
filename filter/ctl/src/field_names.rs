//! The names of Envoy's fields. Envoy reads each in two forms, `http_filters` as in its documentation and
//! `httpFilters` as in JSON that other programs write; here, all have the first.

use crate::document::is_document;
use serde_json::{Map, Value};

/// Writes the names of Envoy's fields in a file's value in their first form. Of a Kubernetes resource, only
/// patches of Envoy's configuration have such fields. A document of Tollgate is left as it is.
pub(crate) fn normalize(value: &mut Value) {
    if !(value["kind"].is_string() && value["apiVersion"].is_string()) {
        return rename(value);
    }
    let items = value.get_mut("items").and_then(Value::as_array_mut);
    items.into_iter().flatten().for_each(normalize);
    for (list, patch) in [("/spec/configPatches", "patch"), ("/spec/jsonPatches", "operation")] {
        let patches = value.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        patches.filter_map(|each| each.get_mut(patch)?.get_mut("value")).for_each(rename);
    }
}

/// Renames the fields of a value and of the values in it.
fn rename(value: &mut Value) {
    match value {
        // A document with a misspelled section has its plans.
        _ if is_document(value) || value.get("plans").is_some() => {}
        Value::Array(items) => items.iter_mut().for_each(rename),
        Value::Object(fields) => {
            let renamed: Map<String, Value> = std::mem::take(fields)
                .into_iter()
                .map(|(name, mut value)| {
                    rename(&mut value);
                    (if is_field(&name) { snake_case(&name) } else { name }, value)
                })
                .collect();
            *fields = renamed;
        }
        _ => {}
    }
}

/// Returns whether a name can be that of a field. That of an extension has dots.
fn is_field(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Returns a name, or the names in a location, in their first form.
pub(crate) fn snake_case(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut is_inside = false;
    for character in text.chars() {
        if is_inside && character.is_ascii_uppercase() {
            result.push('_');
            result.push(character.to_ascii_lowercase());
        } else {
            result.push(character);
        }
        is_inside = character.is_ascii_lowercase() || character.is_ascii_digit();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_split_before_each_upper_case_letter() {
        for (text, want) in [
            ("httpFilters", "http_filters"),
            ("http2ProtocolOptions", "http2_protocol_options"),
            ("allowOnHeadersStopIteration", "allow_on_headers_stop_iteration"),
            ("http_filters", "http_filters"),
            ("@type", "@type"),
            ("CLERK_JWT_KEY", "CLERK_JWT_KEY"),
            ("document 1.spec.configPatches[0].patch", "document 1.spec.config_patches[0].patch"),
        ] {
            assert_eq!(snake_case(text), want);
        }
    }

    #[test]
    fn documents_and_resources_keep_their_names() {
        let document = json!({"plans": [], "plan_gate": {"usagePath": "/"}});
        let misspelled = json!({"plans": [], "planGate": {"usagePath": "/"}});
        let mut value = json!({"staticResources": [document, misspelled, {"a.HttpOptions": 1}]});
        normalize(&mut value);
        assert_eq!(value, json!({"static_resources": [document, misspelled, {"a.HttpOptions": 1}]}));
        let patches = json!([{"applyTo": "X", "patch": {"value": {"typedConfig": {}}}}]);
        let filter = json!({"kind": "EnvoyFilter", "apiVersion": "x/v1", "spec": {"configPatches": patches}});
        let mut list = json!({"kind": "List", "apiVersion": "v1", "items": [filter]});
        normalize(&mut list);
        let patch = list.pointer("/items/0/spec/configPatches/0").unwrap();
        assert_eq!(*patch, json!({"applyTo": "X", "patch": {"value": {"typed_config": {}}}}));
    }
}
