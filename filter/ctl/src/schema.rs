//! `tollgate schema`: the JSON Schema of the document, generated from the types that the filters read it
//! into.

use crate::terminal::print_line;
use clap::Args;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use std::process::ExitCode;
use tollgate_core::config::Document;

/// Print the JSON Schema of the configuration (draft 2020-12).
///
/// With it, an editor completes the document and marks errors. It is also at envoy/tollgate.schema.json.
/// `tollgate check` also finds what a schema cannot express, for example that a rule's limit must be one of a
/// plan.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tollgate schema > tollgate.schema.json
  # yaml-language-server: $schema=tollgate.schema.json        first line of the document, for editors with a YAML server")]
pub(crate) struct SchemaArguments {}

/// Prints the schema.
pub(crate) fn run(_: &SchemaArguments) -> ExitCode {
    print_line!("{:#}", schema());
    ExitCode::SUCCESS
}

/// Returns the schema.
fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Document<'static>>().to_value();
    remove_null(&mut schema);
    if let Some(members) = schema.as_object_mut() {
        members.insert("title".to_owned(), json!("Tollgate"));
    }
    schema
}

/// Removes null from the types of optional members, because Tollgate refuses null as a forgotten value.
fn remove_null(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
                choices.retain(|choice| choice != &json!({"type": "null"}));
            }
            if members.get("default").is_some_and(Value::is_null) {
                members.remove("default");
            }
            members.values_mut().for_each(remove_null);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_null),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn root(path: &str) -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
    }

    #[test]
    fn the_shipped_file_equals_the_output_of_the_command() {
        let shipped = std::fs::read_to_string(root("envoy/tollgate.schema.json")).unwrap_or_default();
        let fix = "cargo tollgate schema > envoy/tollgate.schema.json";
        assert!(
            shipped == format!("{:#}\n", schema()),
            "envoy/tollgate.schema.json is not up to date: `{fix}`"
        );
    }

    #[test]
    fn it_accepts_every_document_that_the_filters_accept() {
        let schema = schema();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mut documents = 0;
        let seeds = std::fs::read_dir(root("fuzz/seeds/document")).unwrap();
        let seeds = seeds.map(|seed| seed.unwrap().path()).filter_map(|path| std::fs::read(path).ok());
        for seed in seeds.filter(|seed| tollgate_core::config::check(seed).is_ok()) {
            // Some are the bytes of a Struct, in which every number is a double.
            let Ok(document) = serde_json::from_slice::<Value>(&seed) else { continue };
            let errors: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{document:#}");
            documents += 1;
        }
        assert!(documents > 0, "no seed was a document");
        for file in ["standalone.yaml", "istio/tollgate.yaml", "envoy-gateway/tollgate.yaml"] {
            let document = document::of_file(&root("envoy").join(file), &["plan_gate"]).unwrap();
            let errors: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{file}");
        }
    }

    #[test]
    fn it_refuses_values_of_the_wrong_type() {
        let schema = schema();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let right = document::of_file(&root("envoy/standalone.yaml"), &["plan_gate"]).unwrap();
        for (pointer, wrong) in [
            ("/plans", json!({})),
            ("/plans/0/name", json!(5)),
            ("/plans/0/limits/asks", json!("unlimted")),
            ("/plans/0/limits/asks/0/per", json!("year")),
            ("/plans/0/limits/asks/0/max", json!(-1)),
            ("/stripe_webhook/path", Value::Null),
            ("/stripe_webhook/stripe", json!("stripe_api")),
            ("/plan_gate/keys", json!({"pem": {"env": "A"}, "jwks": {"cluster": "b"}})),
            ("/plan_gate/rules/0/path_prefix", json!(["/ask"])),
            ("/plan_gate/upgrade_url", Value::Null),
        ] {
            let mut document = right.clone();
            *document.pointer_mut(pointer).unwrap() = wrong;
            assert!(!validator.is_valid(&document), "{pointer}");
        }
        for misspelled in ["/plan_gate", "/plan_gate/rules/0", "/stripe_webhook", "/plans/0", ""] {
            let mut document = right.clone();
            document.pointer_mut(misspelled).unwrap()["misspelled"] = json!(1);
            assert!(!validator.is_valid(&document), "{misspelled}");
        }
    }
}
