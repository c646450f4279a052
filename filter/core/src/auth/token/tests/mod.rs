//! Tests of a token from its bytes to the result of all checks: tables of cases, and properties.

#![allow(clippy::arithmetic_side_effects)]

pub(crate) mod factory;

mod claims;
mod form;
mod properties;

use factory::{Draft, own_keys, verify_token};

/// Returns `ok`, or the code of the refusal.
fn code_of(draft: &Draft, rules: &crate::auth::token::TokenRules) -> &'static str {
    verify_token(draft.sign().as_bytes(), &own_keys(), rules)
        .map_or_else(|error| error.code().as_str(), |_| "ok")
}

/// Returns the JSON text of `object` with one more member at its front, which may be a duplicate.
fn with_member(object: &serde_json::Value, member: &str) -> Option<Vec<u8>> {
    Some(object.to_string().replacen('{', &format!("{{{member},"), 1).into_bytes())
}

/// Returns the JSON text of `object` with `from` replaced by `to`.
fn with_bytes(object: &serde_json::Value, from: &str, to: &[u8]) -> Option<Vec<u8>> {
    let text = object.to_string();
    let (before, after) = text.split_once(from).unwrap();
    Some([before.as_bytes(), to, after.as_bytes()].concat())
}
