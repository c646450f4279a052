//! Verifies the `stripe-signature` header field over the raw body, before any JSON is parsed.
//!
//! The rules are those of <https://docs.stripe.com/webhooks#verify-manually>, applied strictly: inputs that
//! the official libraries accept (a timestamp in the future, a sign or spaces in `t`, two `t`) are refused.

use crate::http::HeaderMap;
use crate::signing_time::{OutsideTolerance, SigningTime, trim_blanks};
use crate::time::Micros;
use crate::unsigned::UnsignedCode;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Duration;

/// The name of the header field.
pub(crate) const SIGNATURE_HEADER: &str = "stripe-signature";
/// The maximum length of the value, in bytes. Stripe's is below 250 bytes, with two secrets and a test
/// signature.
pub(crate) const HEADER_BYTES_MAX: usize = 4096;
/// The maximum number of items. Each `v1` costs one MAC per secret.
pub(crate) const ITEMS_MAX: usize = 32;

const MAC_BYTES: usize = 32;

/// An error of verifying a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header field is missing or empty.
    #[error("no stripe-signature header field: not sent by Stripe, or removed on the way")]
    Missing,
    /// The header field is malformed.
    #[error("stripe-signature cannot be read: {0}")]
    Malformed(MalformedSignatureError),
    /// The timestamp is too far in the past or in the future.
    #[error("{0}")]
    OutsideTolerance(#[from] OutsideTolerance),
    /// No signature matches any of the secrets.
    #[error(
        "none of {signatures} v1 signatures was made with one of {secrets} signing secrets: \
         a forgery, a changed body, or the secret of another endpoint"
    )]
    NoMatch {
        /// The number of well-formed signatures.
        signatures: usize,
        /// The number of secrets that were tried.
        secrets: usize,
    },
}

/// A syntax error of the header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedSignatureError {
    /// There is more than one field. Stripe sends one, and which of several counts must not depend on the
    /// reader.
    #[error("there is more than one")]
    SeveralFields,
    /// More than [`HEADER_BYTES_MAX`] bytes.
    #[error("it is longer than {HEADER_BYTES_MAX} bytes")]
    TooLong,
    /// More than [`ITEMS_MAX`] items.
    #[error("it has more than {ITEMS_MAX} items")]
    TooManyItems,
    /// No `t`.
    #[error("it has no t")]
    NoTimestamp,
    /// More than one `t`.
    #[error("it has more than one t")]
    SeveralTimestamps,
    /// A `t` that is no decimal number of seconds.
    #[error("its t is not a decimal number of seconds")]
    BadTimestamp,
    /// No `v1` of 64 lower-case hexadecimal digits. Other schemes, such as `v0`, prove nothing.
    #[error("it has no v1 of 64 lower-case hexadecimal digits")]
    NoSignature,
}

impl SignatureError {
    /// Returns the code in the response to the sender.
    pub(crate) fn code(&self) -> UnsignedCode {
        match self {
            SignatureError::Missing => UnsignedCode::Missing,
            SignatureError::Malformed(_) => UnsignedCode::Malformed,
            SignatureError::OutsideTolerance(_) => UnsignedCode::OutsideTolerance,
            SignatureError::NoMatch { .. } => UnsignedCode::Mismatch,
        }
    }
}

impl From<MalformedSignatureError> for SignatureError {
    fn from(cause: MalformedSignatureError) -> Self {
        SignatureError::Malformed(cause)
    }
}

/// Returns the `stripe-signature` field of a request, if there is one.
///
/// # Errors
/// [`MalformedSignatureError::SeveralFields`] if there are more.
pub fn signature_field(headers: &HeaderMap) -> Result<Option<&[u8]>, SignatureError> {
    let mut fields = headers.get_all(SIGNATURE_HEADER);
    let first = fields.next();
    match fields.next() {
        Some(_) => Err(MalformedSignatureError::SeveralFields.into()),
        None => Ok(first),
    }
}

/// Parses the value of a `stripe-signature` field, and performs the checks that do not need the body.
///
/// The syntax is checked first, then the time. The time is checked before the signature because that is
/// cheap, whereas an attacker who replays old events could cause the work of holding and hashing bodies. The
/// check discloses nothing, because the sender knows `t`.
///
/// # Errors
/// [`SignatureError`], all variants except [`SignatureError::NoMatch`].
pub(crate) fn read(
    header: Option<&[u8]>,
    now: Micros,
    tolerance: Duration,
) -> Result<Signed, SignatureError> {
    let header = header.map(trim_blanks).filter(|value| !value.is_empty());
    let signed = Signed::parse(header.ok_or(SignatureError::Missing)?)?;
    signed.at.check(now, tolerance)?;
    Ok(signed)
}

/// Verifies a body against the value of its `stripe-signature` field. Returns the time of signing.
///
/// # Errors
/// [`SignatureError`], see its variants.
pub fn verify<'a>(
    header: Option<&[u8]>,
    body: &[u8],
    secrets: impl IntoIterator<Item = &'a [u8]>,
    now: Micros,
    tolerance: Duration,
) -> Result<Micros, SignatureError> {
    read(header, now, tolerance)?.verify(body, secrets, now, tolerance)
}

/// The parsed header field: `t=1492774577,v1=5257a8…,v1=6ffbb5…,v0=…`.
///
/// This is the only part of the header that is kept until the body has arrived.
#[derive(Debug)]
pub struct Signed {
    /// The digits of `t` as sent, because these were signed, not their value.
    digits: Box<[u8]>,
    at: SigningTime,
    macs: Vec<[u8; MAC_BYTES]>,
}

impl Signed {
    /// Verifies a body. Returns the time of signing. The time is checked again, because the body may arrive
    /// slowly.
    ///
    /// `secrets` include the prefix `whsec_`. Any match of a signature and a secret is sufficient: while a
    /// secret is rolled, Stripe signs with both. An empty secret matches nothing, because anyone could sign
    /// with it.
    ///
    /// # Errors
    /// [`SignatureError::OutsideTolerance`] and [`SignatureError::NoMatch`].
    pub(crate) fn verify<'a>(
        &self,
        body: &[u8],
        secrets: impl IntoIterator<Item = &'a [u8]>,
        now: Micros,
        tolerance: Duration,
    ) -> Result<Micros, SignatureError> {
        self.at.check(now, tolerance)?;
        let mut tried: usize = 0;
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            if self.matches(body, secret) {
                return Ok(self.at.micros());
            }
            tried = tried.saturating_add(1);
        }
        Err(SignatureError::NoMatch { signatures: self.macs.len(), secrets: tried })
    }

    fn parse(header: &[u8]) -> Result<Self, MalformedSignatureError> {
        if header.len() > HEADER_BYTES_MAX {
            return Err(MalformedSignatureError::TooLong);
        }
        let mut digits = None;
        let mut macs = Vec::new();
        for (index, item) in header.split(|byte| *byte == b',').enumerate() {
            if index >= ITEMS_MAX {
                return Err(MalformedSignatureError::TooManyItems);
            }
            let item = trim_blanks(item);
            if let Some(value) = item.strip_prefix(b"t=") {
                if digits.replace(value).is_some() {
                    return Err(MalformedSignatureError::SeveralTimestamps);
                }
            } else if let Some(value) = item.strip_prefix(b"v1=") {
                macs.extend(decode_mac(value));
            }
        }
        let digits = digits.ok_or(MalformedSignatureError::NoTimestamp)?;
        let at = SigningTime::parse(digits).ok_or(MalformedSignatureError::BadTimestamp)?;
        if macs.is_empty() {
            return Err(MalformedSignatureError::NoSignature);
        }
        Ok(Signed { digits: digits.into(), at, macs })
    }

    fn matches(&self, body: &[u8], secret: &[u8]) -> bool {
        // HMAC takes a key of any length (RFC 2104 §2), so this never fails; if it did, nothing would match.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
        mac.update(&self.digits);
        mac.update(b".");
        mac.update(body);
        // The body is hashed once; only the end is done again for each signature. The compare is
        // constant-time.
        self.macs.iter().any(|expected| mac.clone().verify_slice(expected).is_ok())
    }
}

/// Decodes 64 hexadecimal digits. Stripe's are lower case, and no others are taken.
fn decode_mac(digits: &[u8]) -> Option<[u8; MAC_BYTES]> {
    let mut mac = [0; MAC_BYTES];
    let is_decoded = hex::decode_to_slice(digits, &mut mac).is_ok();
    (is_decoded && !digits.iter().any(u8::is_ascii_uppercase)).then_some(mac)
}

#[cfg(test)]
mod tests;
