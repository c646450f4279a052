//! The resources for Istio: valid for their schemas, and served by an Envoy with the configuration that
//! results.

use crate::{observed, promises};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use tollgate_tests::processes::platform::{Istio, Resources, Site};
use tollgate_tests::{install::go, install::workspace};

/// Istio's API, which carries the definitions of its resources.
const API: &str = "istio.io/api@v1.31.1";

#[tokio::test]
async fn the_resources_keep_the_promises() {
    let site = Site::open().await;
    let envoy = Istio::start(&site, |_| ()).await;
    promises::check(envoy.address(), &site).await;
    let stats = envoy.stats().await;
    assert_eq!(stats.vm_reloads("stripe_webhook"), 0);
    assert!(!envoy.log().contains(" failed: Uncaught "), "a VM has crashed");
    let metrics = envoy.admin_address();
    observed::check(envoy.address(), metrics, &site, "envoy/istio/prometheus.yaml", || envoy.log()).await;
}

#[tokio::test]
async fn an_impostor_gets_no_request() {
    let site = Site::with_impostors().await;
    let envoy = Istio::start(&site, |_| ()).await;
    assert_eq!(promises::deliver(envoy.address(), &site).await.status, 503);
    assert_eq!((site.stripe.log().entries().len(), site.clerk.log().entries().len()), (0, 0));
}

#[test]
fn each_resource_is_valid_for_its_definition() {
    let definitions = definitions();
    let resources = Resources::load("envoy/istio/tollgate.yaml");
    for resource in resources.all() {
        let resource = serde_json::to_value(resource).expect("JSON");
        let wrong = errors(&definitions, &resource);
        assert_eq!(wrong, Vec::<String>::new(), "{} {}", resource["kind"], resource["metadata"]["name"]);
    }
    // Invalid resources are found.
    let mut resources = resources;
    let plugin = serde_json::to_value(resources.get("WasmPlugin", "tollgate-plan-gate")).expect("JSON");
    for (pointer, wrong) in [
        ("/spec/phase", json!("FIRST")),
        ("/spec/failStrategy", json!("RELOAD")),
        ("/spec/vmConfig/env/0", json!({"name": "CLERK_JWT_KEY", "valueFrom": "HOST", "misspelled": 1})),
        ("/spec/selector", json!({"matchLables": {}})),
    ] {
        let mut plugin = plugin.clone();
        *plugin.pointer_mut(pointer).expect("a field") = wrong;
        assert_ne!(errors(&definitions, &plugin), Vec::<String>::new(), "{pointer}");
    }
}

/// Returns the errors of a resource. An unknown field is an error, as with `kubectl apply`.
fn errors(definitions: &[Value], resource: &Value) -> Vec<String> {
    let version = resource["apiVersion"].as_str().expect("a version");
    let (group, version) = version.split_once('/').expect("a group and a version");
    let definition = definitions.iter().find(|definition| {
        definition["spec"]["group"] == group && definition["spec"]["names"]["kind"] == resource["kind"]
    });
    let definition = definition.unwrap_or_else(|| panic!("Istio has no {} in {group}", resource["kind"]));
    let versions = definition["spec"]["versions"].as_array().expect("versions");
    let served = versions.iter().find(|served| served["name"] == version && served["served"] == true);
    let served = served.unwrap_or_else(|| panic!("Istio serves no {version} of {}", resource["kind"]));
    let mut schema = served["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
    close(&mut schema);
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    validator
        .iter_errors(&resource["spec"])
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Rejects fields that the schema does not name, unless the schema allows them.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let open = members.contains_key("additionalProperties")
                || members.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
            // Alternatives of `oneOf` and similar keywords name only some of the fields.
            if members.contains_key("properties") && members.contains_key("type") && !open {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Returns the definitions in Istio's Go module.
fn definitions() -> Vec<Value> {
    workspace::progress(&format!("downloading {API} with Go"));
    let mut download = Command::new(go::program());
    download.args(["mod", "download", "-json", API]).current_dir(std::env::temp_dir());
    let out = download.output().unwrap_or_else(|e| panic!("cannot start {download:?}: {e}"));
    let output: Value = serde_json::from_slice(&out.stdout).unwrap_or_default();
    let fix = "fix: give Go access to its module proxy";
    let dir = output["Dir"]
        .as_str()
        .unwrap_or_else(|| panic!("{download:?}: {output} {}\n{fix}", text(&out.stderr)));
    let file = PathBuf::from(dir).join("kubernetes/customresourcedefinitions.gen.yaml");
    let definitions = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let documents = serde_norway::Deserializer::from_str(&definitions);
    let read = |document| serde::Deserialize::deserialize(document).expect("a definition");
    documents.map(read).filter(|definition: &Value| definition.is_object()).collect()
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
