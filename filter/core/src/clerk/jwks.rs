//! A JSON Web Key Set (RFC 7517) as Clerk publishes it: the keys in it that session tokens may be signed with.

use super::keys::{KEYS_MAX, KeySet, PublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Why an answer is no key set. The keys that were in force stay so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Not a JSON object with `keys`.
    #[error("the answer is not a JSON Web Key Set: is `path` right?")]
    NotAKeySet,
    /// A key set without a key for RS256.
    #[error("the key set holds no RSA key that RS256 signatures can be checked with")]
    NoUsableKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// Reads a key set. Keys of other kinds and broken entries are passed over, as RFC 7517 §5 asks; of the others the first
/// [`KEYS_MAX`] are taken.
///
/// # Errors
/// [`JwksError`].
pub fn parse(body: &[u8]) -> Result<KeySet, JwksError> {
    let document: Document = serde_json::from_slice(body).map_err(|_| JwksError::NotAKeySet)?;
    let keys =
        KeySet::new(document.keys.iter().filter_map(Value::as_object).filter_map(public_key).take(KEYS_MAX));
    if keys.is_empty() { Err(JwksError::NoUsableKey) } else { Ok(keys) }
}

fn public_key(jwk: &Map<String, Value>) -> Option<PublicKey> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let absent_or = |name: &str, value: &str| jwk.get(name).is_none_or(|member| member == value);
    let for_us = text("kty") == Some("RSA") && absent_or("use", "sig") && absent_or("alg", "RS256");
    // Whoever published its private half lets everybody sign.
    if !for_us || jwk.contains_key("d") {
        return None;
    }
    let id = match jwk.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str()?.to_owned()),
    };
    let modulus = URL_SAFE_NO_PAD.decode(text("n")?).ok()?;
    let exponent = URL_SAFE_NO_PAD.decode(text("e")?).ok()?;
    PublicKey::from_numbers(&modulus, &exponent, id).ok()
}
