//! What becomes of a token, from its bytes to the verdict: tables of cases, and laws.

#![allow(clippy::arithmetic_side_effects)]

pub(crate) mod factory;

mod claims;
mod form;
mod laws;

use factory::{Draft, judge, own_keys};

/// What the gate would answer: `ok`, or the code of the refusal.
fn verdict(draft: &Draft, rules: &crate::auth::token::TokenRules) -> &'static str {
    judge(draft.sign().as_bytes(), &own_keys(), rules).map_or_else(|error| error.code().as_str(), |_| "ok")
}

/// The JSON text of `object` with one more member at its front, whether or not it is there already.
fn with_member(object: &serde_json::Value, member: &str) -> Option<Vec<u8>> {
    Some(object.to_string().replacen('{', &format!("{{{member},"), 1).into_bytes())
}

/// The JSON text of `object` with some bytes put for others.
fn with_bytes(object: &serde_json::Value, from: &str, to: &[u8]) -> Option<Vec<u8>> {
    let text = object.to_string();
    let (before, after) = text.split_once(from).unwrap();
    Some([before.as_bytes(), to, after.as_bytes()].concat())
}
