//! Verifies the signature of Clerk's events over the raw body, before any JSON is parsed. Clerk sends them by
//! Svix, which signs as Standard Webhooks specifies.
//!
//! The rules are those of
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>, applied strictly:
//! inputs that some official libraries accept (`123abc` or a fraction as timestamp, an id with a dot) are
//! refused.

use super::signing_key::SigningKey;
use crate::http::HeaderMap;
use crate::ids::EventId;
use crate::signing_time::{OutsideTolerance, SigningTime, trim_blanks};
use crate::time::Micros;
use crate::unsigned::UnsignedCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Duration;

/// The maximum length of the list of signatures, in bytes. Svix sends about 50 bytes for each secret.
pub(crate) const SIGNATURES_BYTES_MAX: usize = 4096;
/// The maximum number of signatures. Each `v1` costs one MAC per key.
pub(crate) const SIGNATURES_MAX: usize = 32;

const MAC_BYTES: usize = 32;

/// The names of the three header fields: Svix's own, and those of Standard Webhooks. The first complete set
/// counts.
const FIELD_SETS: [FieldSet; 2] = [
    FieldSet { id: "svix-id", timestamp: "svix-timestamp", signatures: "svix-signature" },
    FieldSet { id: "webhook-id", timestamp: "webhook-timestamp", signatures: "webhook-signature" },
];

/// The names of the three header fields of a signature.
struct FieldSet {
    id: &'static str,
    timestamp: &'static str,
    signatures: &'static str,
}

/// An error of verifying a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SvixSignatureError {
    /// A header field is missing or empty.
    #[error(
        "no svix-id, svix-timestamp, and svix-signature header fields: not sent by Clerk, or removed on the way"
    )]
    Missing,
    /// A header field is malformed.
    #[error("the signature cannot be read: {0}")]
    Malformed(MalformedSvixFieldError),
    /// The timestamp is too far in the past or in the future.
    #[error("{0}")]
    OutsideTolerance(#[from] OutsideTolerance),
    /// No signature matches any of the keys.
    #[error(
        "none of {signatures} v1 signatures was made with one of {keys} signing secrets: \
         a forgery, a changed body, or the secret of another endpoint"
    )]
    NoMatch {
        /// The number of well-formed signatures.
        signatures: usize,
        /// The number of keys that were tried.
        keys: usize,
    },
}

/// A syntax error of a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedSvixFieldError {
    /// There is more than one of a field. Svix sends one, and which of several counts must not depend on the
    /// reader.
    #[error("there is more than one of a field")]
    SeveralFields,
    /// An id of another form. A `.` in it could cut the signed bytes differently.
    #[error("its id is not 1 to 255 letters, digits, `_`, and `-`")]
    Id,
    /// A timestamp that is no decimal number of seconds, or begins with a needless zero: the official
    /// libraries sign the number, not its digits.
    #[error("its timestamp is not a decimal number of seconds")]
    Timestamp,
    /// More than [`SIGNATURES_BYTES_MAX`] bytes.
    #[error("its list of signatures is longer than {SIGNATURES_BYTES_MAX} bytes")]
    TooLong,
    /// More than [`SIGNATURES_MAX`] signatures.
    #[error("it has more than {SIGNATURES_MAX} signatures")]
    TooMany,
    /// No `v1` with the base64 of 32 bytes. Other schemes, such as `v1a`, are skipped.
    #[error("it has no v1 signature of 32 bytes in base64")]
    NoSignature,
}

impl SvixSignatureError {
    /// Returns the code in the response to the sender.
    pub fn code(&self) -> UnsignedCode {
        match self {
            SvixSignatureError::Missing => UnsignedCode::Missing,
            SvixSignatureError::Malformed(_) => UnsignedCode::Malformed,
            SvixSignatureError::OutsideTolerance(_) => UnsignedCode::OutsideTolerance,
            SvixSignatureError::NoMatch { .. } => UnsignedCode::Mismatch,
        }
    }
}

impl From<MalformedSvixFieldError> for SvixSignatureError {
    fn from(cause: MalformedSvixFieldError) -> Self {
        SvixSignatureError::Malformed(cause)
    }
}

/// Verifies a body against the header fields of its request. Returns the event's id and the time of signing.
///
/// # Errors
/// [`SvixSignatureError`], see its variants.
pub fn verify(
    headers: &HeaderMap,
    body: &[u8],
    keys: &[SigningKey],
    now: Micros,
    tolerance: Duration,
) -> Result<(EventId, Micros), SvixSignatureError> {
    let signature = SvixSignature::read(headers, now, tolerance)?;
    let signed_at = signature.verify(body, keys, now, tolerance)?;
    Ok((signature.id, signed_at))
}

/// The parsed header fields of a signed request. Only this is kept of the header until the body has arrived.
#[derive(Debug)]
pub struct SvixSignature {
    id: EventId,
    at: SigningTime,
    macs: Vec<[u8; MAC_BYTES]>,
}

impl SvixSignature {
    /// Parses the header fields, and performs the checks that do not need the body: the syntax, then the
    /// time.
    ///
    /// The time is checked before the signature because that is cheap, whereas an attacker who replays old
    /// events could cause the work of holding and hashing bodies. The check discloses nothing, because the
    /// sender knows the timestamp.
    ///
    /// # Errors
    /// [`SvixSignatureError`], all variants except [`SvixSignatureError::NoMatch`].
    pub(crate) fn read(
        headers: &HeaderMap,
        now: Micros,
        tolerance: Duration,
    ) -> Result<Self, SvixSignatureError> {
        let mut found = None;
        for set in &FIELD_SETS {
            let fields =
                (field(headers, set.id)?, field(headers, set.timestamp)?, field(headers, set.signatures)?);
            if let ((Some(id), Some(timestamp), Some(signatures)), None) = (fields, &found) {
                found = Some((id, timestamp, signatures));
            }
        }
        let (id, timestamp, signatures) = found.ok_or(SvixSignatureError::Missing)?;
        let id = std::str::from_utf8(id).ok().and_then(|id| EventId::parse(id).ok());
        let is_canonical = timestamp == b"0" || !timestamp.starts_with(b"0");
        let signature = SvixSignature {
            id: id.ok_or(MalformedSvixFieldError::Id)?,
            at: SigningTime::parse(timestamp)
                .filter(|_| is_canonical)
                .ok_or(MalformedSvixFieldError::Timestamp)?,
            macs: macs(signatures)?,
        };
        signature.at.check(now, tolerance)?;
        Ok(signature)
    }

    /// Returns the event's id, which is the same in every delivery of the event. It is signed.
    pub(crate) fn id(&self) -> &EventId {
        &self.id
    }

    /// Verifies a body. Returns the time of signing. The time is checked again, because the body may arrive
    /// slowly.
    ///
    /// Any match of a signature and a key is sufficient: while a secret is rotated, Svix signs with both.
    ///
    /// # Errors
    /// [`SvixSignatureError::OutsideTolerance`] and [`SvixSignatureError::NoMatch`].
    pub(crate) fn verify(
        &self,
        body: &[u8],
        keys: &[SigningKey],
        now: Micros,
        tolerance: Duration,
    ) -> Result<Micros, SvixSignatureError> {
        self.at.check(now, tolerance)?;
        match keys.iter().any(|key| self.matches(body, key)) {
            true => Ok(self.at.micros()),
            false => Err(SvixSignatureError::NoMatch { signatures: self.macs.len(), keys: keys.len() }),
        }
    }

    fn matches(&self, body: &[u8], key: &SigningKey) -> bool {
        // HMAC takes a key of any length (RFC 2104 §2), so this never fails; if it did, nothing would match.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose()) else { return false };
        mac.update(self.id.as_str().as_bytes());
        mac.update(b".");
        mac.update(self.at.micros().as_secs().to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        // The body is hashed once; only the end is done again for each signature. The comparison is
        // constant-time.
        self.macs.iter().any(|expected| mac.clone().verify_slice(expected).is_ok())
    }
}

/// Returns the only field of that name; `None` if it is missing or blank.
fn field<'a>(headers: &'a HeaderMap, name: &'a str) -> Result<Option<&'a [u8]>, MalformedSvixFieldError> {
    let mut fields = headers.get_all(name);
    let first = fields.next().map(trim_blanks);
    match fields.next() {
        Some(_) => Err(MalformedSvixFieldError::SeveralFields),
        None => Ok(first.filter(|value| !value.is_empty())),
    }
}

/// Returns the `v1` signatures in a list that is separated by blanks: `v1,<base64> v1a,<base64>`.
fn macs(list: &[u8]) -> Result<Vec<[u8; MAC_BYTES]>, MalformedSvixFieldError> {
    if list.len() > SIGNATURES_BYTES_MAX {
        return Err(MalformedSvixFieldError::TooLong);
    }
    let mut macs = Vec::new();
    for (index, item) in list.split(|byte| *byte == b' ').filter(|item| !item.is_empty()).enumerate() {
        if index >= SIGNATURES_MAX {
            return Err(MalformedSvixFieldError::TooMany);
        }
        macs.extend(item.strip_prefix(b"v1,").and_then(decode_mac));
    }
    if macs.is_empty() { Err(MalformedSvixFieldError::NoSignature) } else { Ok(macs) }
}

/// Decodes the base64 of 32 bytes, with padding.
fn decode_mac(text: &[u8]) -> Option<[u8; MAC_BYTES]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
pub(crate) mod tests;
