//! What an operator writes, and the keys that it names.

use std::str;
use tollgate_core::auth::keys::{KEYS_MAX, PublicKey};
use tollgate_core::auth::keys::{jwks as key_set, pem as key_text};
use tollgate_core::config::{self, ConfigError, ERRORS_MAX};

/// Part of each secret in the environment.
const SECRET: &str = "neversayit";

/// A configuration document, JSON or a serialized Struct: what both filters take the whole check takes too (each looks at
/// its own section only), an error says something, and no secret.
pub fn document(bytes: &[u8]) -> bool {
    let environment = |name: &str| match name {
        "CLERK_JWT_KEY" => Some(PEM.to_owned()),
        "PLAN_MAP" => Some("price_more=free".to_owned()),
        "STRIPE_WEBHOOK_SECRET" => Some(format!("whsec_{SECRET}")),
        _ => Some(format!("sk_test_{SECRET}")),
    };
    let checked = config::check(bytes);
    if let Err(errors) = &checked {
        assert!((1..=ERRORS_MAX).contains(&errors.len()));
        errors.iter().for_each(check_error);
    }
    let webhook = config::read::<config::StripeWebhookSettings>(bytes, &environment).map(|_| ());
    let gate = config::read::<config::PlanGateSettings>(bytes, &environment).map(|_| ());
    if webhook.is_ok() && gate.is_ok() {
        assert_eq!(checked, Ok(()));
    }
    [&webhook, &gate].into_iter().filter_map(|taken| taken.as_ref().err()).for_each(check_error);
    webhook.is_ok() || gate.is_ok()
}

fn check_error(error: &ConfigError) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains(SECRET), "{text}");
    assert!(!text.contains('\n'), "one line of a log: {text:?}");
}

/// A JWK set: as many keys as are allowed at most, and each can be handed over.
pub fn jwks(bytes: &[u8]) -> bool {
    let Ok(keys) = key_set::parse(bytes) else { return false };
    let keys: Vec<&PublicKey> = keys.candidates(None).collect();
    assert!((1..=KEYS_MAX).contains(&keys.len()));
    keys.into_iter().for_each(check_key);
    true
}

/// Text with public keys in PEM, as people paste it.
pub fn pem(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Ok(keys) = key_text::parse(text) else { return false };
    assert!((1..=KEYS_MAX).contains(&keys.len()));
    keys.iter().for_each(check_key);
    true
}

/// What was accepted reads the same in the form in which it is handed to Envoy.
fn check_key(key: &PublicKey) {
    let again = PublicKey::from_der(key.spki()).expect("what was written can be read");
    assert_eq!(again.spki(), key.spki());
}

/// A public key of 2048 bits. Nobody has kept the private one.
pub(crate) const PEM: &str = include_str!("../../fixtures/clerk_jwt_key.pem");
