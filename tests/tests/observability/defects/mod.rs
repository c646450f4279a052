//! Each alert fires on its own defect: the defect is caused on a running gateway, Envoy is scraped before and
//! after, and Prometheus' own `promtool` evaluates the shipped rules.

mod callouts;
mod gate;
mod keys;
mod webhooks;

use crate::recording::{AlertSeries, Recording, check, once, twice};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::queries::rules;

/// The alert whose defect takes two minutes to be seen. It has a test of its own.
const SLOW: &str = "TollgatePlanClaimMissing";

#[tokio::test]
async fn every_alert_fires_on_its_own_defect() {
    // Two at the same time: each start of an Envoy compiles its modules.
    let of_tokens = async { [keys::recordings().await, gate::recordings().await].concat() };
    let of_calls = async { [callouts::recordings().await, webhooks::recordings().await].concat() };
    let (of_tokens, of_calls) = tokio::join!(of_tokens, of_calls);
    let recordings = [of_tokens, of_calls].concat();
    check(&recordings);

    let mut fired: BTreeSet<String> =
        recordings.iter().flat_map(Recording::alerts).map(|alert| (*alert).to_owned()).collect();
    fired.insert(SLOW.to_owned());
    let all = rules().groups.into_iter().flat_map(|group| group.rules).map(|rule| rule.alert);
    assert_eq!(fired, all.collect(), "each alert has a defect here");
}

#[tokio::test]
#[ignore = "takes two minutes: cargo test -p tollgate-tests --test observability -- --ignored"]
async fn session_tokens_without_a_plan_claim_are_found_after_two_minutes() {
    let gateway = Gateway::start(|standalone| standalone.concurrency(1)).await;
    let missing = "tollgate.gate.plan_claim_missing";
    let ask = async || {
        let token = gateway.session("user_1").claim("jti", json!(unix_now())).sign();
        gateway.get("/ask").bearer_auth(token).send().await.expect("a response");
    };
    let before = AlertSeries::of(&gateway.envoy).await;
    ask().await;
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    while gateway.envoy.stats().await.plugin(missing) == 0 {
        seconds.tick().await;
        ask().await;
    }
    let scrapes = [before, AlertSeries::of(&gateway.envoy).await];
    check(&[Recording::once("the session token was not customized", scrapes, &[SLOW])]);
}
