//! The listener is configured anew while requests are under way.

use super::scene::Day;
use super::{below, one, tokens};
use crate::client::wire::WireResponse;
use crate::fakes::faults::SplitMix64;
use std::time::Duration;

/// Between two configurations, so that Envoy takes up each of them.
const PAUSE: Duration = Duration::from_millis(400);

/// Another configuration, or a request of somebody else's.
pub(super) async fn attack(day: &Day, random: &mut SplitMix64) -> Option<WireResponse> {
    let Ok(_alone) = day.reloading.try_lock() else {
        return tokens::attack(day, random).await;
    };
    let url = one(random, &["https://app.example.com/pricing", "https://app.example.com/plans"]);
    // One in four is wrong, and must not be taken.
    let wrong = below(random, 4) == 0;
    day.gateway.envoy.reload(|listener| {
        for document in documents(listener) {
            document["plan_gate"]["upgrade_url"] = url.into();
            document["plan_gate"]["clock_skew_s"] = if wrong { 900 } else { 5 + below(random, 5) }.into();
        }
    });
    tokio::time::sleep(PAUSE).await;
    None
}

/// The two filters' documents in a listener.
fn documents(listener: &mut serde_json::Value) -> Vec<&mut serde_json::Value> {
    let filters = &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"];
    let filters = filters.as_array_mut().into_iter().flatten();
    let documents =
        filters.filter_map(|filter| filter.pointer_mut("/typed_config/config/configuration/value"));
    documents.collect()
}
