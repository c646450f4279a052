//! Webhooks that Stripe has not sent.

use super::attack_run::AttackRun;
use super::bytes::request_with_noise;
use super::noise;
use crate::client::wire::{WireResponse, request};
use crate::fakes::server::unix_now;
use crate::fakes::stripe::sign;
use crate::processes::gateway::WEBHOOK_PATH;
use serde_json::json;
use tollgate_fixtures::Random;

/// Sends one of these attacks.
pub(super) async fn attack(run: &AttackRun, random: &mut Random) -> Option<WireResponse> {
    match random.below(6) {
        0 => run.refused(&post(&forged(random), "whsec_guessed")).await,
        1 => {
            let len = random.below(700_000);
            run.refused(&post(&noise(random, len), "whsec_guessed")).await
        }
        2 => {
            let value =
                noise(random, 200).into_iter().filter(|byte| !b"\r\n\0".contains(byte)).collect::<Vec<_>>();
            let fields = [b"stripe-signature: ", value.as_slice(), b"\r\n"].concat();
            run.refused(&request("POST", WEBHOOK_PATH, fields, &forged(random))).await
        }
        3 => {
            let method = random.pick(&["GET", "PUT", "DELETE", "OPTIONS", "PATCH"]);
            run.refused(&request(method, WEBHOOK_PATH, "", &forged(random))).await
        }
        // An authentic event whose connection ends before its body is complete.
        4 => run.cut_off(&run.delivery(), random).await,
        _ => {
            // A request to the webhook's path with other random parts.
            let bytes = request_with_noise(random);
            let end = bytes.iter().position(|byte| *byte == b'\r').unwrap_or_default();
            let line = format!("POST {WEBHOOK_PATH} HTTP/1.1");
            run.refused(&[line.as_bytes(), bytes.get(end..).unwrap_or_default()].concat()).await
        }
    }
}

/// Returns an event that would give an attacker a paid plan if it were authentic.
fn forged(random: &mut Random) -> Vec<u8> {
    let event = json!({
        "id": format!("evt_{:x}", random.bits()), "object": "event", "type": "customer.subscription.updated",
        "livemode": false, "created": unix_now(),
        "data": {"object": {"id": "sub_attacker", "object": "subscription", "status": "active", "customer": "cus_attacker",
            "metadata": {"clerk_user_id": "user_attacker", "padding": "x".repeat(random.below(100_000))}}},
    });
    event.to_string().into_bytes()
}

fn post(body: &[u8], secret: &str) -> Vec<u8> {
    let signature = sign(&[secret], unix_now(), body);
    request("POST", WEBHOOK_PATH, format!("stripe-signature: {signature}\r\n"), body)
}
