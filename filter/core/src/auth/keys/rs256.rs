//! Verifies RS256 signatures in the module itself, for hosts that cannot.
//!
//! Envoy verifies signatures in native code, in its foreign function `verify_signature`. Therefore this code
//! is built only with the feature `rs256`: it makes the module 60 KB larger, and takes 230–455 µs per
//! signature in Wasm, compared with Envoy's 18 µs. Without the feature, a host that cannot verify signatures
//! refuses all tokens.

use crate::machine::Verification;

/// A function that verifies an RSASSA-PKCS1-v1_5 signature with SHA-256. Its arguments are the DER of a
/// SubjectPublicKeyInfo, the signature, and the signed text.
pub(crate) type Rs256Check = fn(&[u8], &[u8], &[u8]) -> Verification;

/// The function of this build, if it has one.
#[cfg(feature = "rs256")]
pub(crate) const CHECK: Option<Rs256Check> = Some(check);
/// The function of this build, if it has one.
#[cfg(not(feature = "rs256"))]
pub(crate) const CHECK: Option<Rs256Check> = None;

#[cfg(any(test, feature = "rs256"))]
pub(crate) fn check(public_key: &[u8], signature: &[u8], text: &[u8]) -> Verification {
    use rsa::pkcs8::DecodePublicKey;
    use rsa::sha2::{Digest, Sha256};
    use rsa::{Pkcs1v15Sign, RsaPublicKey};
    let verified = RsaPublicKey::from_public_key_der(public_key)
        .is_ok_and(|key| key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text), signature).is_ok());
    if verified { Verification::Valid } else { Verification::Invalid }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::Jws;
    use crate::auth::token::tests::factory::{Draft, other_key, own_key, public};

    /// The reason, the key, the signature, the text, and whether the signature is valid.
    type SignatureCase<'a> = (&'a str, &'a [u8], &'a [u8], &'a [u8], Verification);

    #[test]
    fn only_a_signature_of_exactly_the_signed_text_is_valid() {
        let jws = Jws::parse(Draft::session().sign().as_bytes()).unwrap();
        let (own, other) = (public(own_key()), public(other_key()));
        let (signature, text) = (jws.signature(), jws.signing_input());
        let mut flipped = signature.to_vec();
        flipped[100] ^= 1;
        let cases: [SignatureCase; 8] = [
            ("as signed", own.spki(), signature, text, Verification::Valid),
            ("another key", other.spki(), signature, text, Verification::Invalid),
            ("another text", own.spki(), signature, b"x", Verification::Invalid),
            ("one bit", own.spki(), &flipped, text, Verification::Invalid),
            ("cut off", own.spki(), &signature[1..], text, Verification::Invalid),
            ("empty", own.spki(), b"", text, Verification::Invalid),
            ("too long", own.spki(), &[signature, b"x"].concat(), text, Verification::Invalid),
            ("no key", b"x", signature, text, Verification::Invalid),
        ];
        for (why, key, signature, text, want) in cases {
            assert_eq!(check(key, signature, text), want, "{why}");
        }
    }
}
