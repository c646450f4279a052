//! Checks of Envoy's own file around Tollgate's filters: its addresses, its node, and the connection
//! managers.

use crate::check::filters::{CLERK_WEBHOOK, GATE, READERS, WEBHOOK, document_of};
use crate::check::finding::{Base, Finding, FindingKind, Location};
use crate::check::{at, envoy};
use crate::document;
use serde_json::Value;

/// Envoy's default of `per_connection_buffer_limit_bytes`.
const CONNECTION_BUFFER_BYTES: u64 = 1_048_576;
/// The default of `max_body_kb`.
const BODY_KB: u64 = 512;
/// The bytes of a kilobyte.
const KB: u64 = 1024;

/// Returns the findings; none if the value is not Envoy's own file.
pub(in crate::check) fn findings(base: Base<'_>, value: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    if value.get("static_resources").is_none() {
        return findings;
    }
    addresses(base, value, &mut findings);
    node(base, value, &mut findings);
    for (number, listener) in listeners(value).iter().enumerate() {
        let location = format!("static_resources.listeners[{number}]");
        document::walk(listener, &location, &mut |location, found| {
            if let Some(filters) = found.get("http_filters").and_then(Value::as_array) {
                manager(base, location, listener, found, filters, &mut findings);
            }
            true
        });
    }
    findings
}

fn listeners(value: &Value) -> &[Value] {
    at(value, "/static_resources/listeners").as_array().map_or(&[], Vec::as_slice)
}

/// Finds an address that two listeners have, and an administration interface that others can reach.
fn addresses(base: Base<'_>, value: &Value, findings: &mut Vec<Finding>) {
    let admin = at(value, "/admin/address/socket_address");
    let name = |socket: &Value| socket["address"].as_str().unwrap_or_default().to_owned();
    let is_local = |address: &str| address.starts_with("127.") || ["::1", "localhost", ""].contains(&address);
    if !is_local(&name(admin)) {
        let text =
            "the administration interface shows the configuration and can stop Envoy: bind it to 127.0.0.1";
        findings.push(Finding::new(FindingKind::OpenAdmin, base.at("admin.address"), text));
    }
    let sockets = listeners(value).iter().enumerate().map(|(number, listener)| {
        (format!("static_resources.listeners[{number}].address"), at(listener, "/address/socket_address"))
    });
    let mut before: Vec<&Value> = vec![admin];
    for (location, socket) in sockets {
        let is_any = |socket: &Value| ["0.0.0.0", "::"].contains(&name(socket).as_str());
        let clashes = |other: &&Value| {
            let same_port = socket["port_value"].as_u64().is_some_and(|port| port > 0)
                && socket["port_value"] == other["port_value"];
            let same_protocol = (socket["protocol"] == "UDP") == (other["protocol"] == "UDP");
            same_port && same_protocol && (name(socket) == name(other) || is_any(socket) || is_any(other))
        };
        if before.iter().any(clashes) {
            let text =
                format!("the port {} is used twice in this file; Envoy does not start", socket["port_value"]);
            findings.push(Finding::new(FindingKind::PortClash, base.at(&location), text));
        }
        before.push(socket);
    }
}

/// Warns of a file with secrets from files and without a node.
fn node(base: Base<'_>, value: &Value, findings: &mut Vec<Finding>) {
    let mut reads_secrets = false;
    document::walk(value, "", &mut |_, found| {
        reads_secrets |= found.get("sds_config").is_some();
        true
    });
    let is_named =
        |member: &str| at(value, &format!("/node/{member}")).as_str().is_some_and(|name| !name.is_empty());
    if reads_secrets && !(is_named("id") && is_named("cluster")) {
        let text = "secrets are read from files, and Envoy does not start without `id` and `cluster` here, unless its \
                    arguments --service-node and --service-cluster set them";
        findings.push(Finding::new(FindingKind::MissingNode, base.at("node"), text));
    }
}

/// Checks one connection manager, at that location in its listener.
fn manager(
    base: Base<'_>,
    location: &str,
    listener: &Value,
    manager: &Value,
    filters: &[Value],
    findings: &mut Vec<Finding>,
) {
    let ours: Vec<(usize, &str, Option<Value>)> = filters
        .iter()
        .enumerate()
        .filter_map(|(number, filter)| {
            Some((number, envoy::which(filter)?, document_of(envoy::document_in(filter))))
        })
        .collect();
    let gate = ours.iter().find(|(_, name, _)| *name == GATE).and_then(|(.., document)| document.as_ref());
    if gate.is_some_and(counts_addresses)
        && manager["use_remote_address"] != true
        && manager.get("original_ip_detection_extensions").is_none()
    {
        let text = "a rule counts anonymous callers by their address, which a client can write itself: write \
                    `use_remote_address: true` and the number of proxies in front as `xff_num_trusted_hops`";
        let location = base.at(&format!("{location}.use_remote_address"));
        findings.push(Finding::new(FindingKind::ClientAddress, location, text));
    }
    let body_kb = ours.iter().filter_map(|(_, name, document)| body_kb(name, document.as_ref()?)).max();
    if let (Some(body_kb), Some(routes)) = (body_kb, manager.get("route_config")) {
        let limit = buffer_bytes(listener, routes);
        if limit < body_kb.saturating_mul(KB) {
            let text = format!(
                "webhooks may have {body_kb} KB, and the buffer here only {limit} bytes: Envoy refuses larger ones with 413; \
                 write a larger `request_body_buffer_limit` at the virtual host"
            );
            let location = base.at(&format!("{location}.route_config"));
            findings.push(Finding::new(FindingKind::BufferLimit, location, text));
        }
    }
    let vm = |number: usize| {
        let filter = filters.get(number).unwrap_or(&Value::Null);
        at(filter, "/typed_config/config/vm_config/vm_id")
    };
    let readers: Vec<usize> =
        ours.iter().filter(|(_, name, _)| READERS.contains(name)).map(|(number, ..)| *number).collect();
    if let Some(other) = readers.iter().find(|number| readers.iter().any(|first| vm(*first) != vm(**number)))
        && readers.len() > 1
    {
        let number = readers.iter().find(|number| vm(**number) != vm(*other)).unwrap_or(other);
        let path = format!("{location}.http_filters[{number}].typed_config.config.vm_config.vm_id");
        findings.push(separate_vms(base.at(&path)));
    }
}

/// Returns the warning about filters that do not share their memory.
pub(in crate::check) fn separate_vms(location: Location) -> Finding {
    let text = "write the same `vm_id` for the webhooks' filters and billing: then each drops cached data that another \
                has changed";
    Finding::new(FindingKind::SeparateVms, location, text)
}

/// Returns whether the gate of a document counts callers by their address.
fn counts_addresses(document: &Value) -> bool {
    let rules = at(document, "/plan_gate/rules").as_array();
    rules.is_some_and(|rules| rules.iter().any(|rule| rule.get("anonymous").is_some()))
}

/// Returns the largest webhook that the filter accepts, in kilobytes.
pub(in crate::check) fn body_kb(filter: &str, document: &Value) -> Option<u64> {
    let section = document.get(filter).filter(|_| [WEBHOOK, CLERK_WEBHOOK].contains(&filter))?;
    Some(section["max_body_kb"].as_u64().unwrap_or(BODY_KB))
}

/// Returns the size of the buffer of a request: the largest that a virtual host or route sets, otherwise that
/// of the connection.
fn buffer_bytes(listener: &Value, routes: &Value) -> u64 {
    let mut limit = None;
    document::walk(routes, "", &mut |_, found| {
        for name in ["request_body_buffer_limit", "per_request_buffer_limit_bytes"] {
            limit = limit.max(found[name].as_u64());
        }
        true
    });
    let of_connection = || listener["per_connection_buffer_limit_bytes"].as_u64();
    limit.or_else(of_connection).unwrap_or(CONNECTION_BUFFER_BYTES)
}
