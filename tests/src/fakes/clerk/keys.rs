//! RSA key pairs of an instance: made once for each process, since that takes a while.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RsaEncoding, RsaKeyPair};
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};

/// The length of Clerk's keys.
const KEY_BITS: usize = 2048;

/// A key pair and the name under which the JWKS shows it.
#[derive(Debug)]
pub struct KeyPair {
    kid: &'static str,
    private: RsaPrivateKey,
    signer: RsaKeyPair,
}

impl KeyPair {
    /// The instance's key.
    pub fn first() -> &'static KeyPair {
        static KEY: OnceLock<KeyPair> = OnceLock::new();
        KEY.get_or_init(|| KeyPair::generate("ins_tollgate0001"))
    }

    /// The key that follows it, or a stranger's.
    pub fn second() -> &'static KeyPair {
        static KEY: OnceLock<KeyPair> = OnceLock::new();
        KEY.get_or_init(|| KeyPair::generate("ins_tollgate0002"))
    }

    fn generate(kid: &'static str) -> Self {
        let private = RsaPrivateKey::new(&mut OsRng, KEY_BITS).expect("a key of a usual length");
        let document = private.to_pkcs8_der().expect("an RSA key can be written");
        let signer = RsaKeyPair::from_pkcs8(document.as_bytes()).expect("a key of a usual length");
        KeyPair { kid, private, signer }
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        self.kid
    }

    /// A signature: PKCS #1 v1.5 with that digest.
    pub fn sign(&self, padding: &'static dyn RsaEncoding, text: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.signer.public().modulus_len()];
        let signed = self.signer.sign(padding, &SystemRandom::new(), text, &mut signature);
        signed.expect("room for a signature");
        signature
    }

    /// The public half as Clerk's dashboard shows it: `SubjectPublicKeyInfo` in PEM.
    pub fn pem(&self) -> String {
        let public = RsaPublicKey::from(&self.private);
        public.to_public_key_pem(LineEnding::LF).expect("an RSA key can be written")
    }

    /// The public half as a JWK: RFC 7517 and 7518.
    pub fn jwk(&self) -> Value {
        json!({
            "use": "sig",
            "kty": "RSA",
            "kid": self.kid,
            "alg": "RS256",
            "n": URL_SAFE_NO_PAD.encode(self.private.n().to_bytes_be()),
            "e": URL_SAFE_NO_PAD.encode(self.private.e().to_bytes_be()),
        })
    }
}

/// A JWK set of these keys.
pub fn jwks(keys: &[&KeyPair]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}
