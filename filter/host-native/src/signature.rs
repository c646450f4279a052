//! RS256 signatures, verified by ring.

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use spki::der::asn1::AnyRef;
use spki::{AlgorithmIdentifier, ObjectIdentifier, SubjectPublicKeyInfoRef};
use tollgate_core::machine::Verification;

/// The algorithm `rsaEncryption`. Its parameters are NULL.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Verifies an RSASSA-PKCS1-v1_5 signature with SHA-256. The key is the DER of a SubjectPublicKeyInfo of 2048
/// to 8192 bits.
pub(crate) fn verify(public_key: &[u8], signature: &[u8], text: &[u8]) -> Verification {
    let valid = rsa_key(public_key).is_some_and(|key| {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(text, signature).is_ok()
    });
    if valid { Verification::Valid } else { Verification::Invalid }
}

/// Returns the `RSAPublicKey` inside of a SubjectPublicKeyInfo (RFC 5280 §4.1, RFC 3279 §2.3.1), which is the
/// form that ring takes.
fn rsa_key(public_key: &[u8]) -> Option<&[u8]> {
    let information = SubjectPublicKeyInfoRef::try_from(public_key).ok()?;
    let AlgorithmIdentifier { oid, parameters } = information.algorithm;
    let is_rsa = oid == RSA && parameters == Some(AnyRef::NULL);
    information.subject_public_key.as_bytes().filter(|_| is_rsa)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 0x03;
    /// The algorithm `rsaEncryption` with its parameters, NULL.
    const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

    fn key_information(key: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        let mut algorithm = vec![SEQUENCE, length(RSA)];
        algorithm.extend_from_slice(RSA);
        let mut bits = vec![BIT_STRING, length(key).saturating_add(1), 0];
        bits.extend_from_slice(key);
        let contents = [algorithm, bits].concat();
        [&[SEQUENCE, length(&contents)][..], &contents].concat()
    }

    #[test]
    fn the_key_stands_inside_of_its_information() {
        let whole = key_information(b"key");
        assert_eq!(rsa_key(&whole), Some(&b"key"[..]));
        for length in 0..whole.len() {
            assert_eq!(rsa_key(&whole[..length]), None, "cut to {length} bytes");
        }
        assert_eq!(rsa_key(&[&whole[..], b"x"].concat()), None, "something follows");
    }

    #[test]
    fn what_is_no_key_is_invalid() {
        assert_eq!(verify(b"", b"", b""), Verification::Invalid);
        assert_eq!(verify(&key_information(b"key"), b"signature", b"text"), Verification::Invalid);
    }
}
