//! Reads and writes the subset of DER (X.690) that RSA public keys need. It handles only the structure, no
//! cryptography.
//!
//! The crates `spki` and `pkcs1` would make plan_gate.wasm 13.7 KB (2.4 %) larger, and they do not
//! distinguish a private key or a certificate from other invalid input.

use super::error::{KeyError, MODULUS_BITS_MIN};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// `AlgorithmIdentifier` of rsaEncryption without its outer tag: OID 1.2.840.113549.1.1.1 and NULL (RFC 8017
/// §A.1).
const RSA_ENCRYPTION: [u8; 13] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];

/// The largest modulus, which is BoringSSL's maximum.
const MODULUS_BITS_MAX: usize = 16 * 1024;
/// The largest exponent, which is BoringSSL's maximum.
const EXPONENT_BITS_MAX: usize = 33;

/// The modulus and the exponent of an RSA public key, big-endian, without leading zeros.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RsaNumbers<'a> {
    modulus: &'a [u8],
    exponent: &'a [u8],
}

impl<'a> RsaNumbers<'a> {
    /// Creates the pair from two unsigned big-endian numbers.
    ///
    /// # Errors
    /// [`KeyError::Weak`] for a modulus of too few bits; [`KeyError::NotAKey`] if the numbers are not an RSA
    /// key: an even number, an exponent of 1 (with which every text is its own signature), or sizes that
    /// Envoy's library refuses.
    pub(super) fn new(modulus: &'a [u8], exponent: &'a [u8]) -> Result<Self, KeyError> {
        let numbers = RsaNumbers { modulus: without_zeros(modulus), exponent: without_zeros(exponent) };
        let (bits, exponent_bits) = (bits(numbers.modulus), bits(numbers.exponent));
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        let sizes_fit = bits <= MODULUS_BITS_MAX && (2..=EXPONENT_BITS_MAX).contains(&exponent_bits);
        match (is_odd(numbers.modulus) && is_odd(numbers.exponent) && sizes_fit, bits >= MODULUS_BITS_MIN) {
            (false, _) => Err(KeyError::NotAKey),
            (true, false) => Err(KeyError::Weak { bits }),
            (true, true) => Ok(numbers),
        }
    }

    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1) or a bare RSAPublicKey (PKCS#1, RFC 8017 §A.1.1).
    ///
    /// # Errors
    /// [`KeyError::PrivateKey`] and [`KeyError::Certificate`] if the bytes are one of these;
    /// [`KeyError::OtherAlgorithm`]; the errors of [`RsaNumbers::new`]; [`KeyError::NotAKey`] for anything
    /// else.
    pub(super) fn from_der(der: &'a [u8]) -> Result<Self, KeyError> {
        let outer = only_element(der, SEQUENCE).ok_or(KeyError::NotAKey)?;
        match outer.first() {
            Some(&INTEGER) => rsa_public_key(outer),
            Some(&SEQUENCE) => subject_public_key_info(outer),
            _ => Err(KeyError::NotAKey),
        }
    }

    /// Returns the DER of these numbers as a SubjectPublicKeyInfo.
    pub(super) fn to_spki(&self) -> Vec<u8> {
        let numbers = [unsigned_integer(self.modulus), unsigned_integer(self.exponent)].concat();
        let mut bits = vec![0]; // no unused bits at the end
        bits.extend(element(SEQUENCE, &numbers));
        element(SEQUENCE, &[element(SEQUENCE, &RSA_ENCRYPTION), element(BIT_STRING, &bits)].concat())
    }
}

/// Reads the contents of an RSAPublicKey: two numbers. A private key starts with its version, 0 or 1.
fn rsa_public_key(contents: &[u8]) -> Result<RsaNumbers<'_>, KeyError> {
    let (modulus, rest) = first_element(contents, INTEGER).ok_or(KeyError::NotAKey)?;
    if matches!(modulus, [0 | 1]) {
        return Err(KeyError::PrivateKey);
    }
    let exponent = only_element(rest, INTEGER).ok_or(KeyError::NotAKey)?;
    RsaNumbers::new(modulus, exponent)
}

/// Reads the contents of a SubjectPublicKeyInfo: an algorithm, and a bit string that contains an
/// RSAPublicKey.
fn subject_public_key_info(contents: &[u8]) -> Result<RsaNumbers<'_>, KeyError> {
    let (algorithm, rest) = first_element(contents, SEQUENCE).ok_or(KeyError::NotAKey)?;
    // A certificate has three elements, the second of which is a sequence too: the signature's algorithm.
    if first_element(rest, SEQUENCE).is_some() {
        return Err(KeyError::Certificate);
    }
    let bits = only_element(rest, BIT_STRING).ok_or(KeyError::NotAKey)?;
    if algorithm != RSA_ENCRYPTION {
        return Err(KeyError::OtherAlgorithm);
    }
    let key = bits.strip_prefix(&[0]).and_then(|key| only_element(key, SEQUENCE)).ok_or(KeyError::NotAKey)?;
    rsa_public_key(key)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number.get(first..).unwrap_or_default()
}

/// Returns the number of bits of a number without leading zeros.
fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    number.len().saturating_mul(8).saturating_sub(unused)
}

/// Returns a number as an INTEGER. Because that is signed, a zero byte precedes a number whose highest bit is
/// set.
fn unsigned_integer(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if number.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, number].concat())
}

/// Returns an element: its tag, its length, and its contents.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let length = without_zeros(&length);
    let mut element = vec![tag];
    match length {
        [] => element.push(0),
        [short] if *short < 0x80 => element.push(*short),
        // At most eight bytes, so the sum fits.
        long => {
            element.push(0x80 | long.len() as u8);
            element.extend(long);
        }
    }
    element.extend(contents);
    element
}

/// Returns the contents of an element with that tag, if there is nothing after it.
fn only_element(der: &[u8], tag: u8) -> Option<&[u8]> {
    first_element(der, tag).filter(|(_, rest)| rest.is_empty()).map(|(contents, _)| contents)
}

/// Returns the contents of the first element, which must have that tag, and the bytes after it.
fn first_element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der.strip_prefix(&[tag])? {
        [short @ ..=0x7f, rest @ ..] => (usize::from(*short), rest),
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::auth::token::tests::factory::own_key;
    use proptest::prelude::*;
    use rsa::pkcs8::EncodePublicKey;

    fn spki() -> Vec<u8> {
        own_key().private.to_public_key().to_public_key_der().unwrap().into_vec()
    }

    #[test]
    fn the_der_is_the_same_as_that_of_another_library() {
        assert_eq!(RsaNumbers::from_der(&spki()).unwrap().to_spki(), spki());
    }

    #[test]
    fn a_truncated_key_and_a_key_with_a_byte_after_it_are_refused() {
        let spki = spki();
        for length in 0..spki.len() {
            assert_eq!(RsaNumbers::from_der(&spki[..length]), Err(KeyError::NotAKey), "cut off at {length}");
        }
        assert_eq!(
            RsaNumbers::from_der(&[spki, vec![0]].concat()),
            Err(KeyError::NotAKey),
            "a byte after the key"
        );
    }

    #[test]
    fn sizes_are_counted_in_bits_without_leading_zeros() {
        let of_bits = |bits: usize| {
            let mut number = vec![0xff; bits.div_ceil(8)];
            number[0] >>= number.len() * 8 - bits;
            number
        };
        let cases = [
            ("the smallest modulus", of_bits(2048), vec![3], Ok(())),
            ("a modulus of one bit less", of_bits(2047), vec![3], Err(KeyError::Weak { bits: 2047 })),
            (
                "leading zeros do not count",
                [vec![0; 8], of_bits(2047)].concat(),
                vec![3],
                Err(KeyError::Weak { bits: 2047 }),
            ),
            ("the largest modulus", of_bits(16 * 1024), vec![3], Ok(())),
            ("a modulus of one bit more", of_bits(16 * 1024 + 1), vec![3], Err(KeyError::NotAKey)),
            ("the largest exponent", of_bits(2048), of_bits(33), Ok(())),
            ("an exponent of one bit more", of_bits(2048), of_bits(34), Err(KeyError::NotAKey)),
            ("an exponent of 1", of_bits(2048), vec![0, 1], Err(KeyError::NotAKey)),
            ("an even exponent", of_bits(2048), vec![2], Err(KeyError::NotAKey)),
            ("no exponent", of_bits(2048), vec![], Err(KeyError::NotAKey)),
            ("no modulus", vec![], vec![3], Err(KeyError::NotAKey)),
        ];
        for (why, modulus, exponent, want) in cases {
            assert_eq!(RsaNumbers::new(&modulus, &exponent).map(|_| ()), want, "{why}");
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back_from_der_are_the_same(
            mut modulus in proptest::collection::vec(any::<u8>(), 256..600),
            exponent in (1..u64::from(u32::MAX)).prop_map(|half| half * 2 + 1),
        ) {
            modulus[0] |= 0x80;
            *modulus.last_mut().unwrap() |= 1;
            let exponent = exponent.to_be_bytes();
            let numbers = RsaNumbers::new(&modulus, &exponent).unwrap();
            let der = numbers.to_spki();
            prop_assert_eq!(RsaNumbers::from_der(&der), Ok(numbers));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64), index in 0..290_usize) {
            let _ = RsaNumbers::from_der(&bytes);
            let mut spki = spki();
            spki.splice(index.min(spki.len()).., bytes);
            let _ = RsaNumbers::from_der(&spki);
        }
    }
}
