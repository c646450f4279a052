//! Session tokens: more than anyone remembers, forged ones, and those of keys that nobody has heard of.

use super::below;
use super::scene::Day;
use crate::client::wire::{WireResponse, request};
use crate::fakes::faults::{Fault, SplitMix64, on};
use crate::fakes::server;
use crate::processes::gateway::Gateway;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// How much Clerk says in the place of its keys.
const HUGE: usize = 50_000_000;

/// Somebody else's right token, or what was made of it.
pub(super) async fn attack(day: &Day, random: &mut SplitMix64) -> Option<WireResponse> {
    let token = day.others[below(random, day.others.len())].clone();
    match below(random, 4) {
        // They are on `free`, and so they are somebody, and no more.
        0 | 1 => {
            let answer = day.attack(&with(&token, "/me")).await;
            assert!(answer.as_ref().is_none_or(|answer| answer.status == 200), "{answer:?}");
            answer
        }
        2 => day.refused(&with(&token, "/reports")).await,
        _ => day.refused(&with(&forged(&token, random), "/me")).await,
    }
}

/// A token whose claims say more than was signed.
fn forged(token: &str, random: &mut SplitMix64) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { return token.to_owned() };
    let read =
        |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let mut claims_read = read(claims).unwrap_or_default();
    claims_read["public_metadata"] = json!({"plan": "pro"});
    claims_read["sub"] = json!(format!("user_{}", random.bits()));
    let said = URL_SAFE_NO_PAD.encode(claims_read.to_string());
    let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "JWT"}).to_string());
    let hs256 = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
    match below(random, 5) {
        0 => format!("{header}.{said}.{signature}"),
        1 => format!("{none}.{said}."),
        2 => format!("{hs256}.{said}.{signature}"),
        3 => format!("{header}.{claims}.{}", &signature[..signature.len() - 2 - below(random, 300)]),
        _ => format!("{header}.{claims}.{signature}.{signature}"),
    }
}

fn with(token: &str, path: &str) -> Vec<u8> {
    request("GET", path, format!("authorization: Bearer {token}\r\n"), b"")
}

/// A token whose key nobody has heard of.
pub(super) async fn of_unknown_keys(day: &Day, random: &mut SplitMix64) -> Option<WireResponse> {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": format!("ins_{:x}", random.bits())});
    let token = &day.others[below(random, day.others.len())];
    let (_, rest) = token.split_once('.')?;
    let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
    day.refused(&with(&token, "/me")).await
}

/// What Clerk says in the place of its keys, one way after the other.
pub(super) fn spoil_keys(gateway: &Gateway) {
    let keys = || on("GET", "/.well-known/jwks.json");
    let faults = gateway.clerk.faults();
    let redirect =
        server::FakeResponse::json(302, &json!({})).with_header("location", "/.well-known/jwks.json");
    for (seed, fault) in (1..).zip([
        Fault::huge(HUGE),
        Fault::garbage(),
        Fault::Answer(redirect),
        Fault::Reset,
        Fault::status(200, &json!({"keys": [{"kty": "RSA", "kid": "ins_1", "n": "AQAB", "e": "AQAB"}]})),
    ]) {
        faults.sometimes(0.3, seed, keys(), fault);
    }
    faults.always(keys(), Fault::unavailable());
}
