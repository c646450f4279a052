//! Properties of the configuration document and of public keys.

use std::str;
use tollgate_core::auth::keys::{KEYS_MAX, PublicKey};
use tollgate_core::auth::keys::{jwks as key_set, pem as key_text};
use tollgate_core::config::{self, ConfigError, ERRORS_MAX};

/// A string that every secret in the environment contains.
const SECRET: &str = "neversayit";

/// Checks a configuration document, JSON or a serialized Struct: if every filter whose section it has accepts
/// it, so does the check of the whole document, and an error has a message, without a secret in it.
pub fn document(bytes: &[u8]) -> bool {
    let environment = |name: &str| match name {
        "CLERK_JWT_KEY" => Some(PEM.to_owned()),
        "PLAN_MAP" => Some("price_more=free".to_owned()),
        "STRIPE_WEBHOOK_SECRET" => Some(format!("whsec_{SECRET}")),
        // The base64 of 24 bytes.
        "CLERK_WEBHOOK_SIGNING_SECRET" => Some(format!("whsec_{SECRET:A<32}")),
        _ => Some(format!("sk_test_{SECRET}")),
    };
    let checked = config::check(bytes);
    if let Err(errors) = &checked {
        assert!((1..=ERRORS_MAX).contains(&errors.len()));
        errors.iter().for_each(check_error);
    }
    let each = config::read_each(bytes, &environment);
    let errors: Vec<&ConfigError> = each.iter().filter_map(|read| read.as_ref().err()).collect();
    if !each.is_empty() && errors.is_empty() {
        assert_eq!(checked, Ok(()));
    }
    errors.iter().for_each(|error| check_error(error));
    errors.len() < each.len()
}

fn check_error(error: &ConfigError) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains(SECRET), "{text}");
    assert!(!text.contains('\n'), "a line feed in a log line: {text:?}");
}

/// Checks a JWK set: it has at most the allowed number of keys, and each has the form that Envoy accepts.
pub fn jwks(bytes: &[u8]) -> bool {
    let Ok(keys) = key_set::parse(bytes) else { return false };
    let keys: Vec<&PublicKey> = keys.candidates(None).collect();
    assert!((1..=KEYS_MAX).contains(&keys.len()));
    keys.into_iter().for_each(check_key);
    true
}

/// Checks a text with public keys in PEM: the same as for a JWK set.
pub fn pem(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Ok(keys) = key_text::parse(text) else { return false };
    assert!((1..=KEYS_MAX).contains(&keys.len()));
    keys.iter().for_each(check_key);
    true
}

/// Checks that an accepted key parses to the same key from the form that Envoy gets (SPKI in DER).
fn check_key(key: &PublicKey) {
    let parsed = PublicKey::from_der(key.spki()).expect("the key's own SPKI");
    assert_eq!(parsed.spki(), key.spki());
}

/// A public RSA key of 2048 bits. Its private key was not kept.
pub(crate) const PEM: &str = include_str!("../../fixtures/clerk_jwt_key.pem");
