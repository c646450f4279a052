//! Authentic events, while Stripe and Clerk fail.

use super::attack_run::AttackRun;
use crate::client::wire::WireResponse;
use crate::fakes::faults::{Fault, Faults, any};
use crate::fakes::server;
use crate::processes::gateway::Gateway;
use serde_json::json;

/// More than the filter accepts as a response, in bytes.
const HUGE: usize = 8_000_000;

/// Delivers an authentic event. The status is always 200, or one after which Stripe retries.
pub(super) async fn attack(run: &AttackRun) -> Option<WireResponse> {
    let response = run.attack(&run.delivery()).await?;
    // The filter responds with 500 if an API seems to refuse the credentials.
    assert!([200, 500, 503].contains(&response.status), "{response:?}");
    Some(response)
}

/// Makes Stripe and Clerk fail in several ways.
pub(super) fn add_faults(gateway: &Gateway) {
    add_faults_to(gateway.stripe.faults(), 100);
    add_faults_to(gateway.clerk.faults(), 200);
}

fn add_faults_to(faults: &Faults, first_seed: u64) {
    let redirect = server::FakeResponse::json(307, &json!({})).with_header("location", "/v1/subscriptions");
    let endless = json!({"object": "list", "has_more": true, "url": "/v1/subscriptions", "data": []});
    for (seed, fault) in (first_seed..).zip([
        Fault::garbage(),
        Fault::huge(HUGE),
        Fault::Response(redirect),
        Fault::status(200, &endless),
        Fault::Reset,
        Fault::ResetMidBody,
        Fault::LoseResponse,
        Fault::unavailable(),
    ]) {
        faults.sometimes(0.06, seed, any(), fault);
    }
}
