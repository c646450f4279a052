//! YAML blocks: each is a known program's configuration, and is valid for that program.

use crate::pages::{Block, read};
use serde::Deserialize;
use serde_norway::{Mapping, Value};

/// The fields of Tollgate's document.
const DOCUMENT: [&str; 7] =
    ["billing", "clerk_webhook", "namespace", "not_plans", "plan_gate", "plans", "stripe_webhook"];
/// The parts of Envoy's bootstrap that pages show. Envoy itself checks them in [`crate::envoy`].
const BOOTSTRAP: [&str; 5] =
    ["admin", "layered_runtime", "overload_manager", "static_resources", "stats_config"];

/// Checks each document of a block.
pub fn check(block: &Block) -> Result<(), String> {
    documents(block)?.into_iter().try_for_each(|value| {
        let field = value.as_mapping().and_then(|fields| fields.keys().next()?.as_str()).unwrap_or_default();
        match field {
            _ if DOCUMENT.contains(&field) => check_tollgate(value),
            _ if BOOTSTRAP.contains(&field) => Ok(()),
            "scrape_configs" => check_prometheus(value),
            "apiVersion" | "kind" => check_kubernetes(&value),
            _ => Err(format!("unknown configuration: YAML that begins with {field:?}")),
        }
    })
}

/// Returns the documents of a block. A fragment is nested in the field that its fence names.
pub fn documents(block: &Block) -> Result<Vec<Value>, String> {
    let documents = serde_norway::Deserializer::from_str(&block.text).map(Value::deserialize);
    let documents: Vec<_> = documents.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    let nested = |value| match &block.context {
        Some(context) => Value::Mapping(Mapping::from_iter([(context.as_str().into(), value)])),
        None => value,
    };
    Ok(documents.into_iter().map(nested).collect())
}

/// Returns whether the value is a part of Envoy's bootstrap.
pub fn is_bootstrap(value: &Value) -> bool {
    let fields = value.as_mapping().into_iter().flat_map(Mapping::keys);
    fields.filter_map(Value::as_str).any(|field| BOOTSTRAP.contains(&field))
}

/// Returns the README's document. Fragments of other pages are merged into it.
pub fn readme_document() -> Value {
    let blocks = read("README.md").blocks.into_iter().filter(|block| block.language == "yaml");
    let mut documents = blocks.flat_map(|block| documents(&block).expect("YAML"));
    documents.next().expect("README.md shows a document")
}

fn check_tollgate(fragment: Value) -> Result<(), String> {
    let mut document = readme_document();
    merge(&mut document, fragment);
    let json = serde_json::to_vec(&document).map_err(|e| e.to_string())?;
    tollgate_core::config::check(&json)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// Merges a fragment into a document: mappings are merged, everything else is replaced.
pub fn merge(document: &mut Value, fragment: Value) {
    match (document, fragment) {
        (Value::Mapping(fields), Value::Mapping(new)) => {
            for (name, value) in new {
                merge(fields.entry(name).or_insert(Value::Null), value);
            }
        }
        (document, fragment) => *document = fragment,
    }
}

/// Checks the part of Prometheus' configuration that pages show.
fn check_prometheus(value: Value) -> Result<(), String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only deserialized")]
    struct Prometheus {
        scrape_configs: Vec<Scrape>,
        rule_files: Vec<String>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only deserialized")]
    struct Scrape {
        job_name: String,
        metrics_path: String,
        static_configs: Vec<Targets>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only deserialized")]
    struct Targets {
        targets: Vec<std::net::SocketAddr>,
    }
    serde_norway::from_value::<Prometheus>(value).map(drop).map_err(|e| e.to_string())
}

fn check_kubernetes(value: &Value) -> Result<(), String> {
    let is_set = |field: &Value| field.as_str().is_some_and(|text| !text.is_empty());
    let complete =
        is_set(&value["apiVersion"]) && is_set(&value["kind"]) && is_set(&value["metadata"]["name"]);
    if complete {
        Ok(())
    } else {
        Err("a Kubernetes object has apiVersion, kind and metadata.name".to_owned())
    }
}
