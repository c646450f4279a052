//! Reads the keys for session tokens from a JSON Web Key Set (RFC 7517) as Clerk publishes it.

use super::error::KEYS_MAX;
use super::key_set::{KeySet, PublicKey};
use crate::json;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// An error of a response that is not a usable key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Not a JSON object with `keys`.
    #[error("the response is not a JSON Web Key Set: check `path`")]
    NotAKeySet,
    /// A key set without a key for RS256.
    #[error("the key set has no RSA key for RS256 signatures")]
    NoUsableKey,
}

/// Reads the first [`KEYS_MAX`] usable keys of a set. Keys of other types and malformed entries are ignored,
/// as RFC 7517 §5 requires.
///
/// # Errors
/// [`JwksError`].
pub fn parse(body: &[u8]) -> Result<KeySet, JwksError> {
    let document: Value = json::read(body).map_err(|_| JwksError::NotAKeySet)?;
    let entries = document.get("keys").and_then(Value::as_array).ok_or(JwksError::NotAKeySet)?;
    let keys = KeySet::new(entries.iter().filter_map(Value::as_object).filter_map(public_key).take(KEYS_MAX));
    if keys.is_empty() { Err(JwksError::NoUsableKey) } else { Ok(keys) }
}

fn public_key(jwk: &Map<String, Value>) -> Option<PublicKey> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let absent_or = |name: &str, value: &str| jwk.get(name).is_none_or(|member| member == value);
    let is_usable = text("kty") == Some("RSA") && absent_or("use", "sig") && absent_or("alg", "RS256");
    // If the private half is published, anyone can sign tokens.
    if !is_usable || jwk.contains_key("d") {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::tests::factory::{other_key, own_key, public, weak_key};
    use proptest::prelude::*;
    use serde_json::json;

    fn ids(body: &Value) -> Result<Vec<Option<String>>, JwksError> {
        let keys = parse(body.to_string().as_bytes())?;
        Ok(keys.candidates(None).map(|key| key.id().map(str::to_owned)).collect())
    }

    #[test]
    fn a_key_of_a_set_is_the_key_of_the_pem() {
        let keys = parse(json!({"keys": [own_key().jwk()], "x": 1}).to_string().as_bytes()).unwrap();
        let spki: Vec<&[u8]> = keys.candidates(Some("ins_own")).map(PublicKey::spki).collect();
        assert_eq!(spki, [public(own_key()).spki()]);
    }

    /// The reason, the edit of a usable key, and whether it is still usable.
    type Case = (&'static str, fn(&mut Value), bool);

    #[test]
    fn entries_that_are_not_for_session_tokens_are_ignored() {
        let cases: [Case; 22] = [
            ("as Clerk publishes it", |_| {}, true),
            ("no use", |k| remove(k, "use"), true),
            ("no alg", |k| remove(k, "alg"), true),
            ("no kid", |k| remove(k, "kid"), true),
            ("unknown members", |k| k["x5t"] = json!("x"), true),
            ("for encryption", |k| k["use"] = json!("enc"), false),
            ("for RS512", |k| k["alg"] = json!("RS512"), false),
            ("for HS256", |k| k["alg"] = json!("HS256"), false),
            ("another kind", |k| k["kty"] = json!("EC"), false),
            ("a secret", |k| k["kty"] = json!("oct"), false),
            ("no kty", |k| remove(k, "kty"), false),
            ("a private key", |k| k["d"] = json!("AQAB"), false),
            ("a kid that is no text", |k| k["kid"] = json!(1), false),
            ("no n", |k| remove(k, "n"), false),
            (
                "n in the standard alphabet",
                |k| k["n"] = json!(format!("+{}", k["n"].as_str().unwrap())),
                false,
            ),
            ("n with padding", |k| k["n"] = json!(format!("{}==", k["n"].as_str().unwrap())), false),
            ("n even", |k| k["n"] = json!(URL_SAFE_NO_PAD.encode([0xfe; 256])), false),
            ("n of 2056 bits by zeros before it", |k| k["n"] = json!(with_zero(&k["n"])), true),
            ("e of 1: every text is its own signature", |k| k["e"] = json!("AQ"), false),
            ("e of 3", |k| k["e"] = json!("Aw"), true),
            ("e too large", |k| k["e"] = json!("AgAAAAE"), false),
            ("too short a key", |k| *k = weak_key().jwk(), false),
        ];
        for (why, edit, taken) in cases {
            let mut key = own_key().jwk();
            edit(&mut key);
            let want = if taken { Ok(1) } else { Err(JwksError::NoUsableKey) };
            assert_eq!(ids(&json!({"keys": [key]})).map(|ids| ids.len()), want, "{why}");
            let with_others = ids(&json!({"keys": [7, key, other_key().jwk()]})).unwrap();
            assert!(with_others.contains(&Some("ins_second".to_owned())), "{why}: the next entry is read");
        }
    }

    #[test]
    fn an_invalid_key_set_and_one_without_keys_are_different_errors() {
        let cases = [
            ("no keys", r#"{"keys":[]}"#, JwksError::NoUsableKey),
            ("a list", "[]", JwksError::NotAKeySet),
            ("another object", r#"{"errors":[]}"#, JwksError::NotAKeySet),
            ("keys that are no list", r#"{"keys":{}}"#, JwksError::NotAKeySet),
            ("a page", "<html>", JwksError::NotAKeySet),
            ("nothing", "", JwksError::NotAKeySet),
        ];
        for (why, body, want) in cases {
            assert_eq!(parse(body.as_bytes()), Err(want), "{why}");
        }
    }

    #[test]
    fn the_first_usable_keys_are_taken_up_to_the_maximum() {
        let mut keys = vec![json!({"kty": "EC"}); 30];
        keys.extend((0..30).map(|_| own_key().jwk()));
        assert_eq!(ids(&json!({ "keys": keys })).map(|ids| ids.len()), Ok(KEYS_MAX));
    }

    fn remove(key: &mut Value, member: &str) {
        key.as_object_mut().unwrap().remove(member);
    }

    fn with_zero(number: &Value) -> String {
        let mut bytes = URL_SAFE_NO_PAD.decode(number.as_str().unwrap()).unwrap();
        bytes.insert(0, 0);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    proptest! {
        #[test]
        fn any_response_is_read_or_refused(
            body in proptest::collection::vec(any::<u8>(), 0..64),
            n in proptest::collection::vec(any::<u8>(), 0..300),
            e in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            let _ = parse(&body);
            let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
            let _ = parse(json!({"keys": [{"kty": "RSA", "n": n, "e": e}]}).to_string().as_bytes());
        }
    }
}
