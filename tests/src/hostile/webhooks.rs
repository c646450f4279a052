//! Webhooks that Stripe has not sent.

use super::bytes::with_noise;
use super::scene::Day;
use super::{below, noise, one};
use crate::client::wire::{WireResponse, request};
use crate::fakes::faults::SplitMix64;
use crate::fakes::server::unix_now;
use crate::fakes::stripe::sign;
use crate::processes::gateway::WEBHOOK_PATH;
use serde_json::json;

/// One of them.
pub(super) async fn attack(day: &Day, random: &mut SplitMix64) -> Option<WireResponse> {
    match below(random, 6) {
        0 => day.refused(&post(&forged(random), "whsec_guessed")).await,
        1 => {
            let len = below(random, 700_000);
            day.refused(&post(&noise(random, len), "whsec_guessed")).await
        }
        2 => {
            let value =
                noise(random, 200).into_iter().filter(|byte| !b"\r\n\0".contains(byte)).collect::<Vec<_>>();
            let fields = [b"stripe-signature: ", value.as_slice(), b"\r\n"].concat();
            day.refused(&request("POST", WEBHOOK_PATH, fields, &forged(random))).await
        }
        3 => {
            let method = one(random, &["GET", "PUT", "DELETE", "OPTIONS", "PATCH"]);
            day.refused(&request(method, WEBHOOK_PATH, "", &forged(random))).await
        }
        // A true event whose connection ends before it is whole.
        4 => day.cut_off(&day.delivery(), random).await,
        _ => {
            // Towards the webhook with everything else that may be wrong.
            let bytes = with_noise(random);
            let end = bytes.iter().position(|byte| *byte == b'\r').unwrap_or_default();
            let line = format!("POST {WEBHOOK_PATH} HTTP/1.1");
            day.refused(&[line.as_bytes(), bytes.get(end..).unwrap_or_default()].concat()).await
        }
    }
}

/// An event that would make a stranger rich, if it were true.
fn forged(random: &mut SplitMix64) -> Vec<u8> {
    let event = json!({
        "id": format!("evt_{:x}", random.bits()), "object": "event", "type": "customer.subscription.updated",
        "livemode": false, "created": unix_now(),
        "data": {"object": {"id": "sub_stranger", "object": "subscription", "status": "active", "customer": "cus_stranger",
            "metadata": {"clerk_user_id": "user_stranger", "padding": "x".repeat(below(random, 100_000))}}},
    });
    event.to_string().into_bytes()
}

fn post(body: &[u8], secret: &str) -> Vec<u8> {
    let signature = sign(&[secret], unix_now(), body);
    request("POST", WEBHOOK_PATH, format!("stripe-signature: {signature}\r\n"), body)
}
