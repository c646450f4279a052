//! Helpers for tests of session tokens: the rules that a [`Draft`] passes, and the verification of a token.

use crate::auth::keys::jwks;
use crate::auth::keys::{KeySet, PublicKey};
use crate::auth::token::{Jws, Session, TokenError, TokenRules};
use crate::machine::{Action, Verification};
use crate::time::Micros;
use serde_json::json;
use std::time::Duration;
pub(crate) use tollgate_fixtures::{Draft, NOW_S, SigningKey, other_key, own_key, weak_key};

/// Returns the public half of a key as from a PEM: without an id.
pub(crate) fn public(key: &SigningKey) -> PublicKey {
    PublicKey::from_der(&key.public_der()).unwrap()
}

/// Returns the rules that [`Draft::session`] passes.
pub(crate) fn rules() -> TokenRules {
    TokenRules {
        issuer: "https://clerk.example.com".to_owned(),
        authorized_parties: vec![
            "https://app.example.com".to_owned(),
            "https://admin.example.com".to_owned(),
        ],
        require_azp: true,
        audience: Vec::new(),
        clock_skew: Duration::from_secs(5),
    }
}

/// Returns the instance's key set, as it publishes it.
pub(crate) fn own_keys() -> KeySet {
    jwks::parse(json!({"keys": [own_key().jwk()]}).to_string().as_bytes()).unwrap()
}

/// Verifies a token and checks its claims as the gate does, at [`NOW_S`].
pub(crate) fn verify_token(token: &[u8], keys: &KeySet, rules: &TokenRules) -> Result<Session, TokenError> {
    let jws = Jws::parse(token)?;
    let mut error = TokenError::UnknownKey;
    for key in keys.candidates(jws.key_id()) {
        match Session::from_jws(&jws, verify(jws.verify_with(key))) {
            Ok(session) => {
                rules.check(&session, Micros::from_secs(NOW_S.unsigned_abs()))?;
                return Ok(session);
            }
            Err(other) => error = other,
        }
    }
    Err(error)
}

/// Performs [`Action::Verify`] as a host does.
pub(crate) fn verify(action: Action) -> Verification {
    let Action::Verify { public_key, signature, text } = action else { panic!("not a check: {action:?}") };
    match tollgate_fixtures::verify(&public_key, &signature, &text) {
        true => Verification::Valid,
        false => Verification::Invalid,
    }
}
