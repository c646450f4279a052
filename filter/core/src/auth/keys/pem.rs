//! Reads public keys as users paste them: PEM with or without header lines, with newlines real, escaped, or
//! missing. A PEM crate reads only the complete form (RFC 7468), so it would still need this code before it,
//! and adds 9 KB (`pem-rfc7468` 0.7, opt-level 3).

use super::error::{KEYS_MAX, KeyError};
use super::key_set::PublicKey;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine};

/// The longest accepted text.
pub(crate) const PEM_BYTES_MAX: usize = 64 * 1024;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Base64 with or without padding, because shells can lose it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads one or more public keys, at most [`KEYS_MAX`].
///
/// Accepts PEM blocks one after another, or base64 without header lines (several keys separated by commas).
/// Newlines may be real, the two characters `\n`, or spaces; quotes around the whole text are ignored; and
/// the whole PEM may be base64-encoded once more. Both `PUBLIC KEY` and `RSA PUBLIC KEY` (PKCS#1) are
/// accepted.
///
/// # Errors
/// [`KeyError`], which says what the text is instead.
pub fn parse(text: &str) -> Result<Vec<PublicKey>, KeyError> {
    if text.len() > PEM_BYTES_MAX {
        return Err(KeyError::TooMany);
    }
    let text = unescape(text);
    if text.contains(BEGIN) {
        return blocks(&text);
    }
    match bare(&text)? {
        Bare::Keys(keys) => Ok(keys),
        Bare::Pem(pem) => blocks(&unescape(&pem)),
    }
}

/// Converts escaped newlines to newlines, and removes surrounding whitespace and quotes.
fn unescape(text: &str) -> String {
    let text = text.replace("\\r", "\n").replace("\\n", "\n").replace(['\r', '\\'], "\n");
    let around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\u{feff}');
    text.trim_matches(around).to_owned()
}

/// Reads the keys of all PEM blocks. Text between blocks is ignored (RFC 7468 §2).
fn blocks(text: &str) -> Result<Vec<PublicKey>, KeyError> {
    let mut keys = Vec::new();
    for block in text.split(BEGIN).skip(1) {
        let (label, rest) = block.split_once(DASHES).ok_or(KeyError::NotPem)?;
        if label.contains("PRIVATE KEY") {
            return Err(KeyError::PrivateKey);
        }
        if label.contains("CERTIFICATE") {
            return Err(KeyError::Certificate);
        }
        // The last line may be missing, because the DER has the length.
        let body = rest.split_once(END).map_or(rest, |(body, _)| body);
        keys.push(PublicKey::from_der(&decode(body)?)?);
        if keys.len() > KEYS_MAX {
            return Err(KeyError::TooMany);
        }
    }
    Ok(keys)
}

enum Bare {
    Keys(Vec<PublicKey>),
    Pem(String),
}

/// Reads base64 without header lines.
fn bare(text: &str) -> Result<Bare, KeyError> {
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    if text.starts_with(['{', '[']) {
        return Err(KeyError::Json);
    }
    if ["sk_test_", "sk_live_", "pk_test_", "pk_live_"].iter().any(|prefix| text.starts_with(prefix)) {
        return Err(KeyError::ApiKey);
    }
    if is_file_name(text) {
        return Err(KeyError::FileName);
    }
    let text = text.split_once(END).map_or(text, |(body, _)| body);
    let mut keys = Vec::new();
    for part in text.split(',') {
        let bytes = decode(part)?;
        match String::from_utf8(bytes) {
            Ok(pem) if pem.contains(BEGIN) => return Ok(Bare::Pem(pem)),
            Ok(other) => keys.push(PublicKey::from_der(other.as_bytes())?),
            Err(error) => keys.push(PublicKey::from_der(error.as_bytes())?),
        }
        if keys.len() > KEYS_MAX {
            return Err(KeyError::TooMany);
        }
    }
    Ok(Bare::Keys(keys))
}

/// Returns whether a text is a path, or has the ending of a file with a key. Base64 of a key begins with `M`.
fn is_file_name(text: &str) -> bool {
    let is_path = ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start));
    let has_ending = [".pem", ".key", ".pub", ".crt", ".txt"].iter().any(|ending| text.ends_with(ending));
    !text.contains('\n') && (is_path || has_ending)
}

/// Decodes base64, with or without padding and whitespace.
///
/// # Errors
/// [`KeyError::NotPem`] for other characters than base64's, [`KeyError::NotAKey`] if some are missing.
fn decode(text: &str) -> Result<Vec<u8>, KeyError> {
    let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(compact).map_err(|error| match error {
        DecodeError::InvalidByte(..) => KeyError::NotPem,
        _ => KeyError::NotAKey,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::tests::factory::{other_key, own_key, public, weak_key};
    use proptest::prelude::*;
    use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
    use rsa::pkcs8::{EncodePrivateKey, LineEnding};

    const ECDSA: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFr0FPOv84Ip0GBIeQQEXGtLdVD2/\n\
        BiMi43UYgio++C8/0eGYZWR8BuY0tJRKjeY1pn2YlgeVEAEoFSL1hdIguA==\n-----END PUBLIC KEY-----\n";
    const ED25519: &str = "MCowBQYDK2VwAyEATYTbN/AwHt1EqgeHL0MmdREg5GiSfAVEhptIbB2OE78=";

    fn pem() -> String {
        own_key().public_pem()
    }

    /// Returns the base64 of a PEM, without its header lines.
    fn body(pem: &str) -> String {
        pem.lines().filter(|line| !line.contains('-')).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_key_is_read_in_every_form_that_users_paste() {
        let pem = pem();
        let pkcs1 = own_key().private.to_public_key().to_pkcs1_pem(LineEnding::LF).unwrap();
        let shapes = [
            ("as Clerk shows it", pem.clone()),
            ("lines of Windows", pem.replace('\n', "\r\n")),
            ("lines of an old Mac", pem.replace('\n', "\r")),
            ("newlines escaped", pem.replace('\n', "\\n")),
            ("newlines escaped, Windows", pem.replace('\n', "\\r\\n")),
            ("newlines escaped twice", pem.replace('\n', "\\\\n")),
            ("lines continued with backslashes", pem.replace('\n', "\\\n")),
            ("in double quotes", format!("\"{}\"", pem.replace('\n', "\\n"))),
            ("in single quotes, a newline at the end", format!("'{}'\n", pem.trim())),
            ("on one line with blanks", pem.trim().replace('\n', " ")),
            ("on one line with nothing between", pem.replace('\n', "")),
            ("indented", pem.replace('\n', "\n    ")),
            ("a byte order mark before it", format!("\u{feff}{pem}")),
            ("words before and after", format!("my key:\n{pem}\n# of the dashboard")),
            ("without the first and last line", body(&pem)),
            ("the same on one line", body(&pem).replace('\n', "")),
            ("the same, escaped and quoted", format!("\"{}\"", body(&pem).replace('\n', "\\n"))),
            ("without the padding", body(&pem).trim_end_matches('=').to_owned()),
            ("without the first line", pem.split_once("-----\n").unwrap().1.to_owned()),
            ("without the last line", pem.split("-----END").next().unwrap().to_owned()),
            ("PKCS#1", pkcs1.clone()),
            ("PKCS#1 without the lines round it", body(&pkcs1)),
            ("PKCS#1 under the wrong name", pkcs1.replace("RSA PUBLIC", "PUBLIC")),
            ("base64 of the whole PEM", BASE64.encode(&pem)),
            ("base64 of the whole PEM, escaped inside", BASE64.encode(pem.replace('\n', "\\n"))),
        ];
        for (why, text) in shapes {
            assert_eq!(parse(&text), Ok(vec![public(own_key())]), "{why}");
        }
    }

    #[test]
    fn several_keys_are_read_so_that_they_can_be_rotated() {
        let other = other_key().public_pem();
        let shapes = [
            ("one after the other", format!("{}{other}", pem())),
            ("escaped, on one line", format!("{}{other}", pem()).replace('\n', "\\n")),
            ("a comma between", format!("{},{other}", pem())),
            ("without the lines round them", format!("{},{}", body(&pem()), body(&other))),
        ];
        for (why, text) in shapes {
            assert_eq!(parse(&text), Ok(vec![public(own_key()), public(other_key())]), "{why}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_cure() {
        let key = &own_key().private;
        let pkcs8 = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
        let pkcs1 = key.to_pkcs1_pem(LineEnding::LF).unwrap().to_string();
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
        // SEQUENCE { SEQUENCE {}, SEQUENCE {}, BIT STRING }: the outer structure of every X.509 certificate.
        let bare_certificate = BASE64.encode([0x30, 7, 0x30, 0, 0x30, 0, 3, 1, 0]);
        let weak = weak_key().public_pem();
        let cut = body(&pem()).get(..200).unwrap().to_owned();
        let cases = [
            ("nothing", String::new(), KeyError::Empty),
            ("blanks", " \n\"\" ".to_owned(), KeyError::Empty),
            ("a private key", pkcs8.clone(), KeyError::PrivateKey),
            ("a private key without the lines round it", body(&pkcs8), KeyError::PrivateKey),
            ("a private key of PKCS#1", pkcs1.clone(), KeyError::PrivateKey),
            ("the same without the lines round it", body(&pkcs1), KeyError::PrivateKey),
            ("a private key after a public one", pem() + &pkcs8, KeyError::PrivateKey),
            ("a certificate", certificate.to_owned(), KeyError::Certificate),
            ("a certificate without the lines round it", bare_certificate, KeyError::Certificate),
            ("the secret key", "sk_test_abcdefghijklmnopqrstuvwxyz".to_owned(), KeyError::ApiKey),
            ("the publishable key", "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k".to_owned(), KeyError::ApiKey),
            ("a key set", r#"{"keys":[]}"#.to_owned(), KeyError::Json),
            ("an address", "https://clerk.example.com/.well-known/jwks.json".to_owned(), KeyError::NotPem),
            ("a path", "/etc/tollgate/clerk.pem".to_owned(), KeyError::FileName),
            ("the name of a file", "clerk-public-key.pem".to_owned(), KeyError::FileName),
            ("a key for SSH", "ssh-rsa AAAAB3NzaC1yc2E= me@example".to_owned(), KeyError::NotPem),
            ("the first line alone", "-----BEGIN PUBLIC KEY-----".to_owned(), KeyError::NotAKey),
            ("a broken first line", "-----BEGIN PUBLIC KEY".to_owned(), KeyError::NotPem),
            ("a key that is cut off", cut, KeyError::NotAKey),
            ("a word in base64", "aGVsbG8gd29ybGQ=".to_owned(), KeyError::NotAKey),
            ("ECDSA", ECDSA.to_owned(), KeyError::OtherAlgorithm),
            ("Ed25519", ED25519.to_owned(), KeyError::OtherAlgorithm),
            ("1024 bits", weak, KeyError::Weak { bits: 1024 }),
            ("too many", pem().repeat(KEYS_MAX + 1), KeyError::TooMany),
            ("too long", "A".repeat(PEM_BYTES_MAX + 1), KeyError::TooMany),
        ];
        for (why, text, want) in cases {
            assert_eq!(parse(&text), Err(want), "{why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>(), cut in 0..500_usize, insert in ".{0,3}") {
            let _ = parse(&text);
            let mut pem = pem();
            let index = cut.min(pem.len());
            pem.insert_str(index, &insert);
            if let Ok(keys) = parse(&pem) {
                prop_assert!(keys.len() <= KEYS_MAX);
            }
        }
    }
}
