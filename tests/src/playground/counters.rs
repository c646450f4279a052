//! Some of Envoy's counters that move in the playground.

use crate::processes::envoy::Stats;
use serde_json::{Map, Value, json};

/// Envoy's counter of the gate's VMs that it has started in the place of crashed ones.
const REPLACED_VMS: &str = "wasm.plan_gate.vm_reload_success";
/// The metrics of Tollgate, by the names in Envoy's statistics without their prefix.
const METRICS: [&str; 10] = [
    "tollgate.gate.rule.ask.allowed",
    "tollgate.gate.rule.ask.over_limit",
    "tollgate.gate.rule.reports.allowed",
    "tollgate.gate.rule.reports.plan_required",
    "tollgate.gate.confirm.asked",
    "tollgate.webhook.result.processed",
    "tollgate.webhook.result.already_received",
    "tollgate.webhook.result.ignored",
    "tollgate.webhook.result.refused",
    "tollgate.webhook.result.failed",
];

/// Returns the counters as the pages show them.
pub(super) fn shown(stats: &Stats) -> Value {
    let values = METRICS.iter().map(|metric| ((*metric).to_owned(), json!(stats.plugin(metric))));
    let mut values: Map<String, Value> = values.collect();
    values.insert(REPLACED_VMS.to_owned(), json!(replaced_vms(stats)));
    json!({ "values": values })
}

/// Returns how many VMs of the gate Envoy has replaced.
pub(super) fn replaced_vms(stats: &Stats) -> u64 {
    stats.value(REPLACED_VMS)
}
