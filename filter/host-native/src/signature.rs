//! RS256 signatures, checked by ring.

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use tollgate_core::machine::Verification;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// The algorithm `rsaEncryption` with its parameters, NULL.
const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// Checks an RSASSA-PKCS1-v1_5 signature with SHA-256. The key is the DER of a SubjectPublicKeyInfo of 2048 to 8192 bits.
pub(crate) fn verify(public_key: &[u8], signature: &[u8], text: &[u8]) -> Verification {
    let valid = rsa_key(public_key).is_some_and(|key| {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(text, signature).is_ok()
    });
    if valid { Verification::Valid } else { Verification::Invalid }
}

/// Returns the `RSAPublicKey` inside of a SubjectPublicKeyInfo (RFC 5280 §4.1, RFC 3279 §2.3.1), which ring wants bare.
fn rsa_key(public_key: &[u8]) -> Option<&[u8]> {
    let (information, rest) = element(SEQUENCE, public_key)?;
    let (algorithm, key) = element(SEQUENCE, information)?;
    let (key, after) = element(BIT_STRING, key)?;
    let well_formed = rest.is_empty() && after.is_empty() && algorithm == RSA;
    // The first byte is the number of bits that are not used.
    key.strip_prefix(&[0]).filter(|_| well_formed)
}

/// Returns the contents of the DER element that stands first, and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, der) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, der) = match length {
        0..=0x7f => (usize::from(length), der),
        0x81 => der.split_first().map(|(&length, der)| (usize::from(length), der))?,
        0x82 => {
            der.split_first_chunk::<2>().map(|(length, der)| (u16::from_be_bytes(*length).into(), der))?
        }
        _ => return None,
    };
    der.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

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
