//! The RSA key pairs of a Clerk instance. Each is generated once per process, since that takes a while.

use std::sync::OnceLock;

use ring::rand::SystemRandom;
use ring::signature::{RsaEncoding, RsaKeyPair};
use rsa::pkcs8::EncodePrivateKey;
use serde_json::{Value, json};
use tollgate_fixtures::SigningKey;

/// The length of Clerk's keys.
const KEY_BITS: usize = 2048;

/// A key pair and its `kid` in the JWKS.
#[derive(Debug)]
pub struct KeyPair {
    key: SigningKey,
    /// The same key for ring, which signs many times faster, and with each digest.
    signer: RsaKeyPair,
}

impl KeyPair {
    /// Returns the instance's key.
    pub fn first() -> &'static KeyPair {
        static KEY: OnceLock<KeyPair> = OnceLock::new();
        KEY.get_or_init(|| KeyPair::generate("ins_key1", 11))
    }

    /// Returns the key that follows it in a rotation, or the key of another instance.
    pub fn second() -> &'static KeyPair {
        static KEY: OnceLock<KeyPair> = OnceLock::new();
        KEY.get_or_init(|| KeyPair::generate("ins_tollgate0002", 12))
    }

    fn generate(kid: &'static str, seed: u64) -> Self {
        let key = SigningKey::generate(kid, KEY_BITS, seed);
        let document = key.private.to_pkcs8_der().expect("an RSA key can be encoded");
        let signer = RsaKeyPair::from_pkcs8(document.as_bytes()).expect("a key of a common length");
        KeyPair { key, signer }
    }

    /// Returns its `kid`.
    pub fn kid(&self) -> &str {
        self.key.id
    }

    /// Signs by PKCS #1 v1.5 with that digest.
    pub fn sign(&self, padding: &'static dyn RsaEncoding, text: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.signer.public().modulus_len()];
        let signed = self.signer.sign(padding, &SystemRandom::new(), text, &mut signature);
        signed.expect("room for a signature");
        signature
    }

    /// Returns the public key as Clerk's dashboard shows it: `SubjectPublicKeyInfo` in PEM.
    pub fn pem(&self) -> String {
        self.key.public_pem()
    }

    /// Returns the public key as a JWK (RFC 7517 and 7518).
    pub fn jwk(&self) -> Value {
        self.key.jwk()
    }
}

/// Returns a JWK set of these keys.
pub fn jwks(keys: &[&KeyPair]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}
