//! The keys that may sign session tokens, and the choice of those to try for a token.

use super::der::RsaNumbers;
use super::error::{KEYS_MAX, KeyError};

/// An RSA public key that verifies RS256 signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
    id: Option<String>,
}

impl PublicKey {
    /// Creates a key without an id from the DER of a SubjectPublicKeyInfo or of a PKCS#1 RSAPublicKey.
    ///
    /// # Errors
    /// [`KeyError`] if the bytes are neither, or the key is too weak.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        Ok(PublicKey { spki: RsaNumbers::from_der(der)?.to_spki(), id: None })
    }

    /// Creates a key from its numbers, unsigned and big-endian, and its `kid`.
    ///
    /// # Errors
    /// [`KeyError`] if they are not a valid RSA key, or too weak.
    pub(crate) fn from_numbers(
        modulus: &[u8],
        exponent: &[u8],
        id: Option<String>,
    ) -> Result<Self, KeyError> {
        Ok(PublicKey { spki: RsaNumbers::new(modulus, exponent)?.to_spki(), id })
    }

    /// Returns the DER of its SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Returns its `kid`, if it is known.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

/// The keys that may sign tokens, at most [`KEYS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

impl KeySet {
    /// Creates a set of the first [`KEYS_MAX`] keys.
    pub(crate) fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        KeySet { keys: keys.into_iter().take(KEYS_MAX).collect() }
    }

    /// Returns the keys to try for a token with the key id `kid`: first those with the same id, then those
    /// without an id, as from a PEM. For a token without a `kid`, returns all keys.
    pub fn candidates<'a>(&'a self, kid: Option<&'a str>) -> impl Iterator<Item = &'a PublicKey> {
        let named =
            self.keys.iter().filter(move |key| key.id().is_some_and(|id| kid.is_none_or(|kid| id == kid)));
        named.chain(self.keys.iter().filter(|key| key.id().is_none()))
    }

    /// Returns whether the set has the key.
    pub(crate) fn contains(&self, key: &PublicKey) -> bool {
        self.keys.contains(key)
    }

    /// Returns whether there is no key at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::tests::factory::{other_key, own_key, public};

    #[test]
    fn candidates_are_the_keys_with_the_id_then_the_keys_without_one() {
        let named = |id: &str| PublicKey { id: Some(id.to_owned()), ..public(own_key()) };
        let unnamed = public(other_key());
        let set = KeySet::new([unnamed.clone(), named("a"), named("b")]);
        let cases = [
            ("a known id", Some("a"), vec![named("a"), unnamed.clone()]),
            ("an unknown id", Some("c"), vec![unnamed.clone()]),
            ("no id", None, vec![named("a"), named("b"), unnamed.clone()]),
        ];
        for (why, kid, want) in cases {
            assert_eq!(set.candidates(kid).cloned().collect::<Vec<_>>(), want, "{why}");
        }
        assert_eq!(KeySet::new([named("a")]).candidates(Some("b")).count(), 0, "an unknown key");
        assert!(set.contains(&named("b")) && !set.contains(&named("c")));
        assert_eq!(KeySet::new((0..20).map(|_| named("a"))).candidates(None).count(), KEYS_MAX);
    }
}
