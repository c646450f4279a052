//! The listener is reconfigured while requests are in progress.

use super::attack_run::AttackRun;
use super::tokens;
use crate::client::wire::WireResponse;
use std::time::Duration;
use tollgate_fixtures::Random;

/// The time between two configurations, so that Envoy applies each of them.
const PAUSE: Duration = Duration::from_millis(400);

/// Replaces the configuration, or sends another client's request.
pub(super) async fn attack(run: &AttackRun, random: &mut Random) -> Option<WireResponse> {
    let Ok(_alone) = run.reloading.try_lock() else {
        return tokens::attack(run, random).await;
    };
    let url = random.pick(&["https://app.example.com/pricing", "https://app.example.com/plans"]);
    // One in four is invalid and must be rejected.
    let invalid = random.below(4) == 0;
    run.gateway.envoy.reload(|listener| {
        for document in documents(listener) {
            document["plan_gate"]["upgrade_url"] = url.into();
            document["plan_gate"]["clock_skew_s"] = if invalid { 900 } else { 5 + random.below(5) }.into();
        }
    });
    tokio::time::sleep(PAUSE).await;
    None
}

/// Returns the two filters' documents in a listener.
fn documents(listener: &mut serde_json::Value) -> Vec<&mut serde_json::Value> {
    let filters = &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"];
    let filters = filters.as_array_mut().into_iter().flatten();
    let documents =
        filters.filter_map(|filter| filter.pointer_mut("/typed_config/config/configuration/value"));
    documents.collect()
}
