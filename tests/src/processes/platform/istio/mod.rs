//! Envoy with the configuration that Istio generates from the shipped resources. Istio itself does not run:
//! `control_plane.rs` does what its control plane does with the few shipped kinds, after Istio's sources, and
//! panics at any other.

mod bootstrap;
mod control_plane;
mod patches;

use super::credentials::environment;
use super::{Resources, Site};
use crate::install::modules::Modules;
use crate::processes::envoy::{Envoy, Files, yaml};
use bootstrap::Annotations;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;

/// The start of an Envoy as Istio configures it.
#[derive(Debug)]
pub struct Istio;

impl Istio {
    /// Starts Envoy as the ingress gateway, and waits until it serves.
    ///
    /// # Panics
    /// If Envoy does not start, with the end of its log.
    pub async fn start(site: &Site, edit: impl FnOnce(&mut Resources)) -> Envoy {
        let mut resources = Resources::load("envoy/istio/tollgate.yaml");
        set_issuer(&mut resources, site);
        edit(&mut resources);
        let annotations = Annotations::load();
        let mut config = control_plane::bootstrap(&resources, &annotations);
        apply_agent(&mut config, Modules::build(), &site.authority());
        for (cluster, address) in [
            ("outbound|443||api.stripe.com", site.stripe_api.address()),
            ("outbound|443||api.clerk.com", site.clerk_api.address()),
            ("outbound|8000||app.default.svc.cluster.local", site.backend.address()),
        ] {
            point_cluster(&mut config, cluster, address);
        }
        // The variables that values.yaml sets in the gateway's pods.
        let env =
            environment(site, &["STRIPE_WEBHOOK_SECRET", "CLERK_WEBHOOK_SIGNING_SECRET", "CLERK_JWT_KEY"]);
        let secrets = [("stripe_api_key", site.stripe.key()), ("clerk_secret_key", site.clerk.secret_key())];
        let config = yaml(config);
        let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let files = Files {
            config,
            secrets,
            env,
            concurrency: 2,
            reloadable: false,
            drain_s: None,
            program: None,
            access_log_flush: None,
            log_arguments: annotations.log_arguments(),
        };
        files.start().await
    }
}

/// Sets the issuer in the document, which appears four times because YAML's alias has been expanded.
fn set_issuer(resources: &mut Resources, site: &Site) {
    let issuer = site.clerk.issuer();
    let plugin = &mut resources.get("WasmPlugin", "tollgate-plan-gate")["spec"]["pluginConfig"];
    plugin["plan_gate"]["issuer"] = issuer.into();
    for filter in ["tollgate-stripe-webhook", "tollgate-clerk-webhook", "tollgate-billing"] {
        let patches = &mut resources.get("EnvoyFilter", filter)["spec"]["configPatches"];
        let config = &mut patches[1]["patch"]["value"]["typed_config"]["config"];
        config["configuration"]["value"]["plan_gate"]["issuer"] = issuer.into();
    }
}

/// Does what Istio's agent does: it fetches images and provides the system's authorities.
fn apply_agent(config: &mut Value, modules: &Modules, authority: &Path) {
    match config {
        Value::Object(fields) => {
            if let Some(uri) = fields.get("remote").and_then(|remote| remote["http_uri"]["uri"].as_str()) {
                let module = match uri {
                    "oci://registry.example.com/tollgate/stripe-webhook:0.1.0" => &modules.stripe_webhook,
                    "oci://registry.example.com/tollgate/clerk-webhook:0.1.0" => &modules.clerk_webhook,
                    "oci://registry.example.com/tollgate/billing:0.1.0" => &modules.billing,
                    "oci://registry.example.com/tollgate/plan-gate:0.1.0" => &modules.plan_gate,
                    other => panic!("{other} is not the image of a module"),
                };
                *config = json!({"local": {"filename": module}});
                return;
            }
            if fields.get("filename").is_some_and(|file| file == control_plane::SYSTEM) {
                fields.insert("filename".to_owned(), json!(authority));
            }
            fields.values_mut().for_each(|value| apply_agent(value, modules, authority));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| apply_agent(item, modules, authority)),
        _ => {}
    }
}

/// Points a cluster to an address of this machine, over TLS if the cluster uses it.
fn point_cluster(config: &mut Value, name: &str, address: SocketAddr) {
    let clusters = config["static_resources"]["clusters"].as_array_mut().expect("clusters");
    let cluster = clusters.iter_mut().find(|cluster| cluster["name"] == name);
    let cluster = cluster.unwrap_or_else(|| panic!("there is no cluster {name}"));
    let endpoint = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
    endpoint["address"] = control_plane::socket(&address.ip().to_string(), address.port().into());
}
