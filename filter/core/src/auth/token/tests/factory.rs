//! Tokens for tests: signed by keys made on the spot, right until a test edits them.

use crate::auth::keys::jwks;
use crate::auth::keys::{KeySet, PublicKey};
use crate::auth::token::Jws;
use crate::auth::token::Session;
use crate::auth::token::TokenError;
use crate::auth::token::TokenRules;
use crate::machine::{Action, Verification};
use crate::time::Micros;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs8::{DecodePublicKey, EncodePublicKey};
use rsa::rand_core::{CryptoRng, Error, RngCore, impls};
use rsa::sha2::{Digest, Sha256};
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::time::Duration;

/// The time at which the tests' tokens are judged, in Unix seconds.
pub(crate) const NOW_S: i64 = 1_800_000_000;

/// A key pair and its `kid`.
pub(crate) struct Key {
    pub(crate) private: RsaPrivateKey,
    pub(crate) id: &'static str,
}

impl Key {
    /// A key of that size, always the same for the same seed.
    pub(crate) fn generate(id: &'static str, bits: usize, seed: u64) -> Self {
        Key { private: RsaPrivateKey::new(&mut SplitMix(seed), bits).unwrap(), id }
    }

    /// Its public half, as from a PEM: without an id.
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_der(self.private.to_public_key().to_public_key_der().unwrap().as_bytes()).unwrap()
    }

    /// Its public half as a JSON Web Key.
    pub(crate) fn jwk(&self) -> Value {
        let (n, e) = (self.private.n().to_bytes_be(), self.private.e().to_bytes_be());
        let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
        json!({"use": "sig", "kty": "RSA", "kid": self.id, "alg": "RS256", "n": n, "e": e})
    }

    fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.private.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text)).unwrap()
    }
}

/// The instance's own key.
pub(crate) fn own_key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::generate("ins_own", 2048, 1))
}

/// The key of somebody else.
pub(crate) fn stranger_key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::generate("ins_stranger", 2048, 2))
}

/// A key too short to be safe.
pub(crate) fn weak_key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::generate("ins_weak", 1024, 3))
}

/// A token before it is signed. A part that is set to bytes is taken as it is.
pub(crate) struct Draft {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) raw_header: Option<Vec<u8>>,
    pub(crate) raw_claims: Option<Vec<u8>>,
    pub(crate) key: &'static Key,
    /// Applied to the finished token.
    pub(crate) afterwards: fn(String) -> String,
}

impl Draft {
    /// A version 2 session token that passes [`rules`].
    pub(crate) fn session() -> Self {
        Draft {
            header: json!({"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": own_key().id, "typ": "JWT"}),
            claims: json!({
                "azp": "https://app.example.com", "exp": NOW_S + 55, "fva": [7, -1], "iat": NOW_S - 5,
                "iss": "https://clerk.example.com", "nbf": NOW_S - 15, "sid": "sess_1", "sts": "active",
                "sub": "user_1", "v": 2,
            }),
            raw_header: None,
            raw_claims: None,
            key: own_key(),
            afterwards: |token| token,
        }
    }

    /// Sets a claim.
    pub(crate) fn claim(&mut self, name: &str, value: impl Into<Value>) {
        self.claims[name] = value.into();
    }

    /// Sets a member of the header.
    pub(crate) fn head(&mut self, name: &str, value: impl Into<Value>) {
        self.header[name] = value.into();
    }

    /// Removes a member of the header.
    pub(crate) fn head_without(&mut self, name: &str) {
        self.header.as_object_mut().unwrap().remove(name);
    }

    /// Removes a claim.
    pub(crate) fn without(&mut self, name: &str) {
        self.claims.as_object_mut().unwrap().remove(name);
    }

    /// The signed token.
    pub(crate) fn sign(&self) -> String {
        let text = self.signing_input();
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(text.as_bytes()));
        (self.afterwards)(format!("{text}.{signature}"))
    }

    /// The token with an empty signature, for tests that need none.
    pub(crate) fn unsigned(&self) -> String {
        format!("{}.", self.signing_input())
    }

    fn signing_input(&self) -> String {
        let part = |raw: &Option<Vec<u8>>, json: &Value| {
            URL_SAFE_NO_PAD.encode(raw.clone().unwrap_or_else(|| json.to_string().into_bytes()))
        };
        [part(&self.raw_header, &self.header), part(&self.raw_claims, &self.claims)].join(".")
    }
}

/// The rules that [`Draft::session`] passes.
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

/// The instance's key set, as it publishes it.
pub(crate) fn own_keys() -> KeySet {
    jwks::parse(json!({"keys": [own_key().jwk()]}).to_string().as_bytes()).unwrap()
}

/// The whole way of a token, as the gate goes it, at [`NOW_S`].
pub(crate) fn judge(token: &[u8], keys: &KeySet, rules: &TokenRules) -> Result<Session, TokenError> {
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

/// What a host does with [`Action::Verify`].
pub(crate) fn verify(action: Action) -> Verification {
    let Action::Verify { public_key, signature, text } = action else { panic!("not a check: {action:?}") };
    let key = RsaPublicKey::from_public_key_der(&public_key).unwrap();
    match key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text), &signature) {
        Ok(()) => Verification::Valid,
        Err(_) => Verification::Invalid,
    }
}

/// Numbers that only look random, so that every run makes the same keys.
struct SplitMix(u64);

impl RngCore for SplitMix {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        impls::fill_bytes_via_next(self, dest);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for SplitMix {}
