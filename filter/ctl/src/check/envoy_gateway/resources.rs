//! Whether Envoy Gateway's policies, patches, and proxies fit each other and the Gateway.

use crate::check::at;
use crate::check::document::callouts::{self, Named};
use crate::check::envoy::bootstrap::{body_kb, separate_vms};
use crate::check::envoy_gateway::{filter_of, is_patched};
use crate::check::filters::{READERS, document_of};
use crate::check::finding::{Finding, FindingKind};
use crate::check::input::resource::{Resource, of_kind};
use serde_json::Value;

/// The bytes of a kilobyte.
const KB: u64 = 1024;

/// Returns all findings.
pub(in crate::check) fn findings(resources: &[Resource<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let gateways: Vec<Resource<'_>> =
        of_kind(resources, "Gateway").filter(|gateway| !gateway.list("/listeners").is_empty()).collect();
    if !gateways.is_empty() {
        targets(resources, &gateways, &mut findings);
        listeners(resources, &gateways, &mut findings);
        proxies(resources, &gateways, &mut findings);
    }
    for policy in of_kind(resources, "EnvoyExtensionPolicy") {
        patched_settings(policy, resources, &mut findings);
        variables(policy, resources, &mut findings);
        buffer(policy, resources, &mut findings);
    }
    findings
}

/// Warns of a backend of an API's route that does not exist, is another server, or is not verified.
pub(super) fn backend(
    named: &Named,
    route: Resource<'_>,
    reference: &Value,
    resources: &[Resource<'_>],
) -> Option<Finding> {
    let name = reference["name"].as_str().filter(|_| named.needs_tls())?;
    let mut backends = of_kind(resources, "Backend").peekable();
    let has_backends = reference["kind"] == "Backend" && backends.peek().is_some();
    let backend = backends.find(|backend| backend.name() == name);
    if has_backends && backend.is_none() {
        let text = format!("these files have no Backend {name:?}, so the calls reach nothing");
        return Some(Finding::new(FindingKind::UnknownTarget, route.location("spec.rules"), text));
    }
    let is_for_it = |policy: &Resource<'_>| {
        ["Backend", "Service"].iter().any(|kind| policy.targets(kind, name))
            && policy.spec("/validation/hostname").is_string()
    };
    let Some(policy) = of_kind(resources, "BackendTLSPolicy").find(is_for_it) else {
        let text = format!(
            "no BackendTLSPolicy in this file verifies {name}: keys and responses can be read in transit, and anyone on \
             the path can respond"
        );
        return Some(Finding::new(FindingKind::NoTls, route.location("spec"), text));
    };
    let verified = policy.spec("/validation/hostname").as_str().into_iter().collect::<Vec<_>>();
    named.wrong_host(policy.location("spec.validation.hostname"), &verified).or_else(|| {
        let backend = backend?;
        let endpoints = backend.list("/endpoints").iter();
        let hosts: Vec<&str> =
            endpoints.filter_map(|endpoint| at(endpoint, "/fqdn/hostname").as_str()).collect();
        named.wrong_host(backend.location("spec.endpoints"), &hosts)
    })
}

/// Finds policies for a Gateway that does not exist, or for none.
fn targets(resources: &[Resource<'_>], gateways: &[Resource<'_>], findings: &mut Vec<Finding>) {
    for kind in ["EnvoyExtensionPolicy", "EnvoyPatchPolicy", "ClientTrafficPolicy", "SecurityPolicy"] {
        for policy in of_kind(resources, kind) {
            let is_one = !policy.spec("/targetRef").is_null();
            let member = if is_one { "targetRef" } else { "targetRefs" };
            let one = std::slice::from_ref(policy.spec("/targetRef")).iter().filter(|_| is_one);
            let targets: Vec<&Value> = policy.list("/targetRefs").iter().chain(one).collect();
            let problem = match targets.is_empty() {
                true if policy.spec("/targetSelectors").is_null() => {
                    Some("it names no target, so the policy does nothing".to_owned())
                }
                _ => targets.iter().find_map(|target| unknown_target(policy, target, gateways)),
            };
            let is_of_class =
                kind == "EnvoyPatchPolicy" && targets.iter().any(|target| target["kind"] == "GatewayClass");
            let problem = problem.or_else(|| {
                let is_merged = of_kind(resources, "EnvoyProxy").any(|proxy| *proxy.spec("/mergeGateways") == true);
                let text = "a patch of a GatewayClass needs an EnvoyProxy with `mergeGateways: true`: write the Gateway";
                (is_of_class && !is_merged).then(|| text.to_owned())
            });
            if let Some(text) = problem {
                let location = policy.location(&format!("spec.{member}"));
                findings.push(Finding::new(FindingKind::UnknownTarget, location, text));
            }
        }
    }
}

/// Returns why a target of a policy is no Gateway of these files. A target of another kind is not looked for.
fn unknown_target(policy: Resource<'_>, target: &Value, gateways: &[Resource<'_>]) -> Option<String> {
    if target["kind"] != "Gateway" {
        return None;
    }
    let name = &target["name"];
    let Some(gateway) = gateways.iter().find(|gateway| *name == *gateway.name()) else {
        return Some(format!("these files have no Gateway {name}, so the policy does nothing"));
    };
    if let (Some(own), Some(of_gateway)) = (policy.written_namespace(), gateway.written_namespace())
        && own != of_gateway
    {
        return Some(format!(
            "the Gateway {name} is in the namespace {of_gateway:?}, and a policy is for its own, {own:?}, so it does nothing"
        ));
    }
    let section = target["sectionName"].as_str()?;
    let has_it = gateway.list("/listeners").iter().any(|listener| listener["name"] == *section);
    (!has_it).then(|| format!("the Gateway {name} has no listener {section:?}, so the policy does nothing"))
}

/// Finds Gateways whose proxies are configured by an EnvoyProxy that does not exist.
fn proxies(resources: &[Resource<'_>], gateways: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let mut known = of_kind(resources, "EnvoyProxy").map(Resource::name).peekable();
    if known.peek().is_none() {
        return;
    }
    let known: Vec<&str> = known.collect();
    for gateway in gateways {
        let reference = gateway.spec("/infrastructure/parametersRef");
        let name = reference["name"].as_str().filter(|_| reference["kind"] == "EnvoyProxy");
        if let Some(name) = name.filter(|name| !known.contains(name)) {
            let text = format!(
                "these files have no EnvoyProxy {name:?}, so the proxies do not get the variables of {}",
                known.join(", ")
            );
            let location = gateway.location("spec.infrastructure.parametersRef");
            findings.push(Finding::new(FindingKind::UnknownTarget, location, text));
        }
    }
}

/// Finds patches of a listener that no Gateway has.
fn listeners(resources: &[Resource<'_>], gateways: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let mut names: Vec<String> = Vec::new();
    for gateway in gateways {
        for listener in gateway.list("/listeners") {
            // The two schemes of names: by the port (XDSNameSchemeV2), and by the Gateway.
            names.push(format!("tcp-{}", listener["port"]));
            names.push(format!("udp-{}", listener["port"]));
            let name = listener["name"].as_str().unwrap_or_default();
            names.push(format!("{}/{}/{name}", gateway.namespace(), gateway.name()));
        }
    }
    for policy in of_kind(resources, "EnvoyPatchPolicy") {
        let unknown = policy.list("/jsonPatches").iter().enumerate().find(|(_, patch)| {
            let is_listener = patch["type"].as_str().is_some_and(|kind| kind.ends_with(".Listener"));
            is_listener && !names.iter().any(|name| patch["name"] == **name)
        });
        if let Some((number, patch)) = unknown {
            let text = format!(
                "no Gateway in these files has the listener {}; with XDSNameSchemeV2, its name is `tcp-` and the port: {}",
                patch["name"],
                names.first().map(String::as_str).unwrap_or_default()
            );
            let location = policy.location(&format!("spec.jsonPatches[{number}].name"));
            findings.push(Finding::new(FindingKind::UnknownListener, location, text));
        }
    }
}

/// Returns the plugins of a policy that are Tollgate's filters, with their index and name.
fn plugins(policy: Resource<'_>) -> impl Iterator<Item = (usize, &'static str, &Value)> {
    let plugins = policy.list("/wasm").iter().enumerate();
    plugins.filter_map(|(number, plugin)| Some((number, filter_of(plugin)?, plugin)))
}

/// Warns of plugins without the settings that only a patch has.
fn patched_settings(policy: Resource<'_>, resources: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let readers = plugins(policy).filter(|(_, name, _)| READERS.contains(name)).count();
    for (number, name, plugin) in plugins(policy) {
        let location = policy.location(&format!("spec.wasm[{number}]"));
        let has = |path: &str, is_right: &dyn Fn(&Value) -> bool| {
            is_patched(name, plugin, path, is_right, resources)
        };
        if !has("/failure_policy", &|value| value == "FAIL_RELOAD") {
            let text = "no EnvoyPatchPolicy in these files sets `failure_policy: FAIL_RELOAD` for it: a crashed VM responds \
                        with 503 until the proxy restarts";
            findings.push(Finding::new(FindingKind::FailurePolicy, location.clone(), text));
        }
        if readers > 1 && READERS.contains(&name) && !has("/vm_config/vm_id", &Value::is_string) {
            findings.push(separate_vms(location));
        }
    }
}

/// Finds variables that the filters read from proxies that do not have them.
fn variables(policy: Resource<'_>, resources: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let Some(proxy) = of_kind(resources, "EnvoyProxy").next() else { return };
    let container = ["envoyDeployment", "envoyDaemonSet"]
        .map(|kind| proxy.spec(&format!("/provider/kubernetes/{kind}/container/env")));
    let set: Vec<&str> = container
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|variable| variable["name"].as_str())
        .collect();
    let mut reported: Vec<String> = Vec::new();
    for (_, name, plugin) in plugins(policy) {
        let Some(document) = document_of(&plugin["config"]) else { continue };
        for variable in callouts::unseen(name, &document, &set) {
            if !reported.contains(&variable) {
                let text = format!("{name} reads {variable}; add it here, or the filter does not start");
                let location = proxy.location("spec.provider.kubernetes.envoyDeployment.container.env");
                findings.push(Finding::new(FindingKind::MissingVariable, location, text));
                reported.push(variable);
            }
        }
    }
}

/// Warns of a buffer in which the largest webhook has no room.
fn buffer(policy: Resource<'_>, resources: &[Resource<'_>], findings: &mut Vec<Finding>) {
    let Some(clients) = of_kind(resources, "ClientTrafficPolicy").next() else { return };
    let of_plugin =
        |(_, name, plugin): (usize, &str, &Value)| body_kb(name, &document_of(&plugin["config"])?);
    let Some(body_kb) = plugins(policy).filter_map(of_plugin).max() else { return };
    // Envoy Gateway's default is 32 KiB.
    let limit = quantity(clients.spec("/connection/bufferLimit")).unwrap_or_else(|| KB.saturating_mul(32));
    if limit < body_kb.saturating_mul(KB) {
        let text = format!(
            "webhooks may have {body_kb} KB, and the buffer only {limit} bytes: Envoy refuses larger ones with 413"
        );
        let location = clients.location("spec.connection.bufferLimit");
        findings.push(Finding::new(FindingKind::BufferLimit, location, text));
    }
}

/// Returns a Kubernetes quantity of bytes, as in `1Mi` or 32768.
fn quantity(value: &Value) -> Option<u64> {
    let Value::String(text) = value else { return value.as_u64() };
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let factor: u64 = match text.strip_prefix(digits)? {
        "" => 1,
        "k" => 1000,
        "M" => 1_000_000,
        "Ki" => KB,
        "Mi" => KB.saturating_mul(KB),
        _ => return None,
    };
    Some(digits.parse::<u64>().ok()?.saturating_mul(factor))
}
