//! Session tokens: more than a cache can hold, forged ones, and those of unknown keys.

use super::attack_run::AttackRun;
use crate::client::wire::{WireResponse, request};
use crate::fakes::faults::{Fault, on};
use crate::fakes::server;
use crate::processes::gateway::Gateway;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_fixtures::Random;

/// The size of a response that replaces Clerk's keys, in bytes.
const HUGE: usize = 50_000_000;

/// Sends another user's valid token, or one forged from it.
pub(super) async fn attack(run: &AttackRun, random: &mut Random) -> Option<WireResponse> {
    let token = run.others[random.below(run.others.len())].clone();
    match random.below(4) {
        // The users are on `free`: their tokens are valid, but not for more than that.
        0 | 1 => {
            let response = run.attack(&with_token(&token, "/me")).await;
            assert!(response.as_ref().is_none_or(|response| response.status == 200), "{response:?}");
            response
        }
        2 => run.refused(&with_token(&token, "/reports")).await,
        _ => run.refused(&with_token(&forged(&token, random), "/me")).await,
    }
}

/// Returns a token with other claims than those that were signed.
fn forged(token: &str, random: &mut Random) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { return token.to_owned() };
    let read =
        |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let mut claims_read = read(claims).unwrap_or_default();
    claims_read["public_metadata"] = json!({"plan": "pro"});
    claims_read["sub"] = json!(format!("user_{}", random.bits()));
    let changed = URL_SAFE_NO_PAD.encode(claims_read.to_string());
    let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "JWT"}).to_string());
    let hs256 = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
    match random.below(5) {
        0 => format!("{header}.{changed}.{signature}"),
        1 => format!("{none}.{changed}."),
        2 => format!("{hs256}.{changed}.{signature}"),
        3 => format!("{header}.{claims}.{}", &signature[..signature.len() - 2 - random.below(300)]),
        _ => format!("{header}.{claims}.{signature}.{signature}"),
    }
}

fn with_token(token: &str, path: &str) -> Vec<u8> {
    request("GET", path, format!("authorization: Bearer {token}\r\n"), b"")
}

/// Sends a token of an unknown key.
pub(super) async fn with_unknown_key(run: &AttackRun, random: &mut Random) -> Option<WireResponse> {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": format!("ins_{:x}", random.bits())});
    let token = &run.others[random.below(run.others.len())];
    let (_, rest) = token.split_once('.')?;
    let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
    run.refused(&with_token(&token, "/me")).await
}

/// Makes Clerk's JWKS endpoint fail in several ways.
pub(super) fn add_key_faults(gateway: &Gateway) {
    let keys = || on("GET", "/.well-known/jwks.json");
    let faults = gateway.clerk.faults();
    let redirect =
        server::FakeResponse::json(302, &json!({})).with_header("location", "/.well-known/jwks.json");
    for (seed, fault) in (1..).zip([
        Fault::huge(HUGE),
        Fault::garbage(),
        Fault::Response(redirect),
        Fault::Reset,
        Fault::status(200, &json!({"keys": [{"kty": "RSA", "kid": "ins_1", "n": "AQAB", "e": "AQAB"}]})),
    ]) {
        faults.sometimes(0.3, seed, keys(), fault);
    }
    faults.always(keys(), Fault::unavailable());
}
