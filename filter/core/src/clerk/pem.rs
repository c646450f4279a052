//! Public keys as people paste them: PEM with or without its first and last line, with newlines real, escaped or lost.

use super::keys::{KEYS_MAX, KeyError, PublicKey};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The longest text that is looked at.
pub const PEM_BYTES_MAX: usize = 64 * 1024;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Paddings get lost in shells, too.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads one or more public keys, at most [`KEYS_MAX`].
///
/// Taken are PEM blocks one after the other, or base64 without the lines round it (several parted by commas). Newlines
/// may be real, the two characters `\n`, or blanks; quotes round the whole are passed over; and the PEM as a whole may
/// be base64 once more. `PUBLIC KEY` and `RSA PUBLIC KEY` (PKCS#1) both go.
///
/// # Errors
/// [`KeyError`]: what was pasted instead, and the cure.
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

/// Turns what stands for newlines into newlines, and takes off what goes round.
fn unescape(text: &str) -> String {
    let text = text.replace("\\r", "\n").replace("\\n", "\n").replace(['\r', '\\'], "\n");
    let around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\u{feff}');
    text.trim_matches(around).to_owned()
}

/// The keys of all PEM blocks. What stands between blocks is passed over, as RFC 7468 §2 has it.
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
        // A missing last line is no harm: the length stands in the DER.
        let body = rest.split_once(END).map_or(rest, |(body, _)| body);
        keys.push(PublicKey::from_der(&decode(body).ok_or(KeyError::NotPem)?)?);
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

/// Base64 without the lines round it.
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
    let mut keys = Vec::new();
    for part in text.split(',') {
        let bytes = decode(part).ok_or(KeyError::NotPem)?;
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

fn decode(text: &str) -> Option<Vec<u8>> {
    let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(compact).ok()
}
