//! The `Stripe-Signature` header, made as Stripe makes it:
//! <https://docs.stripe.com/webhooks#verify-manually>.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Returns a header with one `v1` per secret, as while a secret is rotated. `timestamp` is in Unix seconds.
pub fn sign(secrets: &[&str], timestamp: i64, body: &[u8]) -> String {
    secrets.iter().fold(Signature::at(timestamp), |header, secret| header.v1(secret, body)).header()
}

/// A header built item by item.
#[derive(Clone, Debug)]
pub struct Signature {
    timestamp: String,
    items: Vec<String>,
}

impl Signature {
    /// Returns a header with this `t` (Unix seconds).
    pub fn at(timestamp: i64) -> Self {
        Self::at_text(&timestamp.to_string())
    }

    /// Returns a header with any text as `t`.
    pub fn at_text(timestamp: &str) -> Self {
        Signature { timestamp: timestamp.to_owned(), items: vec![format!("t={timestamp}")] }
    }

    /// Adds a `v1`, made with that secret. The key is the whole secret, including `whsec_`.
    #[must_use]
    pub fn v1(self, secret: &str, body: &[u8]) -> Self {
        let mac = mac(secret, &self.timestamp, body);
        self.item(&format!("v1={mac}"))
    }

    /// Adds a `v0`, as test tooling does: it proves nothing, even if its value is right.
    #[must_use]
    pub fn v0(self, secret: &str, body: &[u8]) -> Self {
        let mac = mac(secret, &self.timestamp, body);
        self.item(&format!("v0={mac}"))
    }

    /// Adds an item.
    #[must_use]
    pub fn item(mut self, item: &str) -> Self {
        self.items.push(item.to_owned());
        self
    }

    /// Returns the header's value.
    pub fn header(&self) -> String {
        self.items.join(",")
    }
}

/// Returns the HMAC-SHA256 over the timestamp's digits, a dot and the body, as lower-case hex.
fn mac(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_equals_one_made_with_openssl() {
        // printf '1614556800.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test_secret
        let header = sign(&["whsec_test_secret"], 1_614_556_800, br#"{"id":"evt_1"}"#);
        assert_eq!(
            header,
            "t=1614556800,v1=4b84b790795620969b08a42ba000110ae8bf58a5784f16c215b248752ce65404"
        );
    }

    #[test]
    fn each_secret_has_its_own_v1_and_v0_is_added_beside_them() {
        let both = sign(&["whsec_a", "whsec_b"], 7, b"{}");
        let (a, b) = (sign(&["whsec_a"], 7, b"{}"), sign(&["whsec_b"], 7, b"{}"));
        assert_eq!(both, format!("{a},{}", b.trim_start_matches("t=7,")));
        let with_v0 = Signature::at(7).v1("whsec_a", b"{}").v0("whsec_a", b"{}").header();
        assert_eq!(with_v0, format!("{a},{}", a.trim_start_matches("t=7,").replace("v1", "v0")));
    }
}
