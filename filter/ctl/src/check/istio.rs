//! Warnings about Istio's resources around Tollgate's filters.

use super::callouts::{self, Named};
use super::resource::{Resource, of_kind, which};
use super::{FORGOTTEN, GATE, ORDER, WEBHOOK, Warning, at, document_of, envoy};
use crate::document::FoundDocument;
use serde_json::Value;

/// Returns all warnings about Istio's resources that contain these documents.
pub(super) fn warnings(resources: &[Resource<'_>], documents: &[FoundDocument]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for plugin in of_kind(resources, "WasmPlugin") {
        wasm_plugin(plugin, &mut warnings);
    }
    let has_gate = of_kind(resources, "WasmPlugin").any(|plugin| filter(plugin) == Some(GATE));
    for patches in of_kind(resources, "EnvoyFilter") {
        envoy_filter(patches, has_gate, &mut warnings);
    }
    if of_kind(resources, "ServiceEntry").next().is_some() {
        for named in callouts::clusters(documents.iter()) {
            warnings.extend(cluster(&named, resources));
        }
    }
    warnings
}

fn filter(plugin: Resource<'_>) -> Option<&'static str> {
    which(&[plugin.spec("/pluginName"), plugin.spec("/url")])
}

fn wasm_plugin(plugin: Resource<'_>, warnings: &mut Vec<Warning>) {
    let Some(name) = filter(plugin) else { return };
    if name == WEBHOOK {
        let text = "a WasmPlugin cannot hold a webhook, so none is ever verified; insert stripe_webhook by an EnvoyFilter \
                    with `allow_on_headers_stop_iteration: true`, as envoy/istio/tollgate.yaml does";
        warnings.push(Warning::new(plugin.location("spec"), text));
        return;
    }
    if *plugin.spec("/failStrategy") != "FAIL_RELOAD" {
        let text = "write FAIL_RELOAD: otherwise a crashed VM refuses all requests until the pod restarts, or lets them pass";
        warnings.push(Warning::new(plugin.location("spec.failStrategy"), text));
    }
    if *plugin.spec("/phase") != "AUTHN" {
        let text = "write AUTHN: in a later phase Istio's own authorization sees requests before the gate decides on them";
        warnings.push(Warning::new(plugin.location("spec.phase"), text));
    }
    let Some(document) = document_of(plugin.spec("/pluginConfig")) else {
        warnings.push(Warning::new(plugin.location("spec.pluginConfig"), FORGOTTEN));
        return;
    };
    let passed: Vec<&str> =
        plugin.list("/vmConfig/env").iter().filter_map(|variable| variable["name"].as_str()).collect();
    for variable in callouts::unseen(name, &document, &passed) {
        warnings.push(Warning::unseen(plugin.location("spec.vmConfig.env"), &variable));
    }
}

fn envoy_filter(patches: Resource<'_>, has_gate: bool, warnings: &mut Vec<Warning>) {
    let mut holds_webhook = false;
    for (number, patch) in patches.list("/configPatches").iter().enumerate() {
        let value = at(patch, "/patch/value");
        if let Some(name) = envoy::which(value) {
            let location =
                patches.location(&format!("spec.configPatches[{number}].patch.value.typed_config.config"));
            envoy::plugin(&location, name, value, warnings);
            holds_webhook |= name == WEBHOOK;
        }
    }
    for (number, patch) in patches.list("/configPatches").iter().enumerate() {
        let is_late = patch["applyTo"] == "HTTP_FILTER" && at(patch, "/patch/operation") != "INSERT_FIRST";
        if holds_webhook && has_gate && is_late {
            let location = patches.location(&format!("spec.configPatches[{number}].patch.operation"));
            warnings.push(Warning::new(location, format!("write INSERT_FIRST: {ORDER}")));
        }
    }
}

/// Warns if a cluster that a document calls has no ServiceEntry, or no DestinationRule with TLS.
fn cluster(named: &Named, resources: &[Resource<'_>]) -> Option<Warning> {
    let name = &named.cluster;
    let unknown = |what: &str| Some(Warning::new(&*named.location, format!("{name:?}: {what}")));
    let parts: Vec<&str> = name.split('|').collect();
    let ["outbound", port, _, host] = parts[..] else {
        return unknown(
            "Istio names clusters `outbound|443||api.stripe.com`: a ServiceEntry's port and host",
        );
    };
    let port = port.parse::<u64>().ok();
    let makes_it = |entry: &Resource<'_>| {
        let has_port = |listed: &Value| port.is_some() && listed["number"].as_u64() == port;
        entry.list("/hosts").iter().any(|listed| listed == host) && entry.list("/ports").iter().any(has_port)
    };
    if !of_kind(resources, "ServiceEntry").any(|entry| makes_it(&entry)) {
        return unknown("no ServiceEntry of this file has that host and port");
    }
    if !named.needs_tls() {
        return None;
    }
    let rule = of_kind(resources, "DestinationRule").find(|rule| *rule.spec("/host") == *host);
    let Some(rule) = rule else {
        return unknown(
            "no DestinationRule in this file gives it TLS: keys and responses can be read in transit",
        );
    };
    let of_port = rule.list("/trafficPolicy/portLevelSettings").iter();
    let of_port = of_port.filter(|settings| at(settings, "/port/number").as_u64() == port);
    let tls = of_port.map(|settings| &settings["tls"]).next().unwrap_or(rule.spec("/trafficPolicy/tls"));
    let is_verified = ["SIMPLE", "MUTUAL"].iter().any(|mode| tls["mode"] == *mode)
        && tls["insecureSkipVerify"] != true
        && tls["subjectAltNames"].as_array().is_some_and(|names| !names.is_empty());
    let text = "the certificate is not verified: write `mode: SIMPLE` and the host under `subjectAltNames`, or anyone on \
        the path can respond";
    (!is_verified).then(|| Warning::new(rule.location("spec.trafficPolicy.tls"), text))
}
