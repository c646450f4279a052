//! True events, while Stripe and Clerk are not themselves.

use super::scene::Day;
use crate::client::wire::WireResponse;
use crate::fakes::faults::{Fault, Faults, any};
use crate::fakes::server;
use crate::processes::gateway::Gateway;
use serde_json::json;

/// More than the filter takes as an answer.
const HUGE: usize = 8_000_000;

/// A true event. Whatever becomes of it, Stripe is told so, and comes again.
pub(super) async fn attack(day: &Day) -> Option<WireResponse> {
    let answer = day.attack(&day.delivery()).await?;
    // 500 says that the credentials are wrong, as far as one can see.
    assert!([200, 500, 503].contains(&answer.status), "{answer:?}");
    Some(answer)
}

/// One way after the other.
pub(super) fn spoil(gateway: &Gateway) {
    spoiled(gateway.stripe.faults(), 100);
    spoiled(gateway.clerk.faults(), 200);
}

fn spoiled(faults: &Faults, seed: u64) {
    let redirect = server::FakeResponse::json(307, &json!({})).with_header("location", "/v1/subscriptions");
    let endless = json!({"object": "list", "has_more": true, "url": "/v1/subscriptions", "data": []});
    for (place, fault) in (0..).zip([
        Fault::garbage(),
        Fault::huge(HUGE),
        Fault::Answer(redirect),
        Fault::status(200, &endless),
        Fault::Reset,
        Fault::ResetMidBody,
        Fault::LoseAnswer,
        Fault::unavailable(),
    ]) {
        faults.sometimes(0.06, seed + place, any(), fault);
    }
}
