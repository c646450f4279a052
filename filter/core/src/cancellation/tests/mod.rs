//! Cancellations for a deleted user, against a model of Stripe and Clerk with scripted failures.

mod apis;
mod failures;
mod owners;
mod times;

use apis::{Fault, NOW_S, ScriptedApis, run, subscription};

/// Returns the codes of the alarms among these lines.
fn alarms(lines: &[String]) -> Vec<String> {
    let lines = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter_map(|line| line["alarm"].as_str().map(str::to_owned)).collect()
}

/// Returns the subscriptions in the audit, and how each was canceled.
fn audited(lines: &[String]) -> Vec<(String, String)> {
    let lines = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap().to_owned();
    let canceled = lines.filter(|line| line["audit"] == "subscription_canceled");
    canceled.map(|line| (text(&line, "subscription"), text(&line, "mode"))).collect()
}
