//! The key with which Clerk signs an endpoint's events. Clerk sends them by Svix, whose keys differ from
//! Stripe's: the text after the prefix is base64, and the key is the bytes that it decodes to
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::ops::RangeInclusive;

/// The prefix of a signing secret.
const PREFIX: &str = "whsec_";

/// The lengths of a key, in bytes, as the specification of Standard Webhooks demands.
const KEY_BYTES: RangeInclusive<usize> = 24..=64;

/// A key that signs events. It prints as `***`.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

/// The error of a text that is no signing secret. It never shows the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// The prefix is missing.
    #[error("a signing secret starts with {PREFIX}")]
    Prefix,
    /// The rest is not base64 with the alphabet and padding of RFC 4648 section 4.
    #[error("after {PREFIX}, a signing secret is base64")]
    Encoding,
    /// The key is too short or too long.
    #[error("a key has {} to {} bytes, not {bytes}", KEY_BYTES.start(), KEY_BYTES.end())]
    Length {
        /// The length of the decoded key.
        bytes: usize,
    },
}

impl SigningKey {
    /// Reads a signing secret: `whsec_` and the key in base64.
    ///
    /// # Errors
    /// [`SigningKeyError`], see its variants.
    pub fn parse(secret: &str) -> Result<Self, SigningKeyError> {
        let encoded = secret.strip_prefix(PREFIX).ok_or(SigningKeyError::Prefix)?;
        let key = STANDARD.decode(encoded).map_err(|_| SigningKeyError::Encoding)?;
        match KEY_BYTES.contains(&key.len()) {
            true => Ok(SigningKey(key)),
            false => Err(SigningKeyError::Length { bytes: key.len() }),
        }
    }

    /// Returns the bytes of the key, for a MAC, never for a log.
    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(bytes: usize) -> String {
        format!("{PREFIX}{}", STANDARD.encode(vec![7; bytes]))
    }

    #[test]
    fn a_secret_is_a_prefix_and_base64_of_24_to_64_bytes() {
        let cases = [
            ("as Svix generates them", secret(24), Ok(24)),
            ("as long as a SHA-256", secret(32), Ok(32)),
            ("the longest", secret(64), Ok(64)),
            ("one byte too short", secret(23), Err(SigningKeyError::Length { bytes: 23 })),
            ("one byte too long", secret(65), Err(SigningKeyError::Length { bytes: 65 })),
            ("nothing after the prefix", PREFIX.to_owned(), Err(SigningKeyError::Length { bytes: 0 })),
            ("no prefix", STANDARD.encode([7; 24]), Err(SigningKeyError::Prefix)),
            ("the prefix in capitals", secret(24).replace("whsec", "WHSEC"), Err(SigningKeyError::Prefix)),
            (
                "a key of asymmetric signatures",
                format!("whpk_{}", STANDARD.encode([7; 24])),
                Err(SigningKeyError::Prefix),
            ),
            ("Stripe's", "whsec_5Ab9_xYz-0".to_owned(), Err(SigningKeyError::Encoding)),
            ("without its padding", secret(32).replace('=', ""), Err(SigningKeyError::Encoding)),
            ("the URL-safe alphabet", format!("{PREFIX}{}", "-_".repeat(16)), Err(SigningKeyError::Encoding)),
            ("the standard alphabet", format!("{PREFIX}{}", "+/".repeat(16)), Ok(24)),
            ("a line break", format!("{}\n", secret(24)), Err(SigningKeyError::Encoding)),
        ];
        for (why, text, want) in cases {
            assert_eq!(SigningKey::parse(&text).map(|key| key.expose().len()), want, "{why}");
        }
    }

    #[test]
    fn a_key_and_its_errors_print_no_secret() {
        let key = SigningKey::parse(&secret(24)).unwrap();
        assert_eq!(format!("{key:?}"), "***");
        for error in
            [SigningKeyError::Prefix, SigningKeyError::Encoding, SigningKeyError::Length { bytes: 3 }]
        {
            assert!(!error.to_string().contains("BwcH"), "{error}");
        }
    }
}
