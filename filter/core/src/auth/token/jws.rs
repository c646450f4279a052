//! Splits a token into its three parts and checks its header. Its claims are read after the signature is
//! verified.

use super::TokenError;
use crate::auth::keys::PublicKey;
use crate::clerk::numeric_date::numeric_date;
use crate::json;
use crate::machine::Action;
use crate::time::Micros;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The longest accepted token. Clerk's are shorter than 4 KB, because they must fit in a cookie.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The prefixes of Clerk's opaque machine tokens: API keys, machine-to-machine tokens, OAuth access tokens.
const MACHINE_TOKEN_PREFIXES: [&[u8]; 3] = [b"ak_", b"mt_", b"oat_"];

/// The header members with which a token contains its own key or a URL of one (RFC 7515 §4.1.2–4.1.6). A
/// gateway that used these keys would accept tokens of any signer.
const FOREIGN_KEY_MEMBERS: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];

/// `cat` of a session token.
const CATEGORY_SESSION: &str = "cl_B7d4PD111AAA";
/// `cat` of a token made from a custom JWT template.
const CATEGORY_TEMPLATE: &str = "cl_B7d4PD222AAA";
/// `cat` of a machine's token.
const CATEGORY_MACHINE: &str = "cl_B7d4PD333AAA";

/// A token in JWS compact serialization (RFC 7515 §7.1) whose header says RS256.
#[derive(Clone, PartialEq, Eq)]
pub struct Jws {
    token: Vec<u8>,
    signing_input_bytes: usize,
    signature: Vec<u8>,
    payload: Vec<u8>,
    key_id: Option<String>,
    claims_read_at: Option<Micros>,
}

impl Jws {
    /// Splits a token. Accepts three parts in strict base64url (no padding, no stray bits), a header in
    /// strict JSON, `typ` absent or `JWT`, `alg` RS256, no `crit`, no key in the header, `cat` absent or that
    /// of a session.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] if the form is another; [`TokenError::Unsupported`] if it is a machine
    /// token, a token from a custom template, or if its header has unsupported members.
    pub fn parse(token: &[u8]) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed("it is longer than 8 KiB"));
        }
        if MACHINE_TOKEN_PREFIXES.iter().any(|prefix| token.starts_with(prefix)) {
            return Err(TokenError::Unsupported("a machine token carries no plan; use a session token"));
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed("it does not have three parts"));
        };
        let header = json::read_object(&base64url(header)?)
            .ok_or(TokenError::Malformed("its header is not a JSON object, or names a member twice"))?;
        check_header(&header)?;
        Ok(Jws {
            signing_input_bytes: header_and_payload_bytes(token, signature),
            signature: base64url(signature)?,
            payload: base64url(payload)?,
            key_id: key_id(&header)?,
            claims_read_at: claims_read_at(&header)?,
            token: token.to_vec(),
        })
    }

    /// Returns the token as received.
    pub fn into_token(self) -> Vec<u8> {
        self.token
    }

    /// Returns the signed text: the first two parts and the dot between them, as received.
    pub(crate) fn signing_input(&self) -> &[u8] {
        self.token.get(..self.signing_input_bytes).unwrap_or_default()
    }

    /// Returns the bytes of the signature.
    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Returns the bytes of the claims.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Returns `kid`, the id of the key that the token says signed it.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Returns `oiat`, the time when Clerk read the claims from its database. A refresh at Clerk's edge
    /// copies old claims into a token with a new `iat`.
    pub(crate) fn claims_read_at(&self) -> Option<Micros> {
        self.claims_read_at
    }

    /// Returns the size of this value, in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        let parts = [&self.token, &self.signature, &self.payload].map(Vec::len);
        let key_id = self.key_id.as_ref().map_or(0, String::len);
        parts.into_iter().fold(key_id, usize::saturating_add)
    }

    /// Returns the action that verifies the signature with `key`.
    pub(crate) fn verify_with(&self, key: &PublicKey) -> Action {
        Action::Verify {
            public_key: key.spki().to_vec(),
            signature: self.signature.clone(),
            text: self.signing_input().to_vec(),
        }
    }
}

impl std::fmt::Debug for Jws {
    /// Writes only the key's id: the token itself is a credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jws").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Decodes one part. The engine accepts only the URL-safe alphabet, no `=`, and no stray bits at the end.
fn base64url(part: &[u8]) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed("a part of it is not base64url without padding"))
}

/// Returns the length of the first two parts and the dot between them.
fn header_and_payload_bytes(token: &[u8], signature: &[u8]) -> usize {
    token.len().saturating_sub(signature.len()).saturating_sub(1)
}

/// Checks that the header is that of a session token, in the order of `@clerk/backend`: `typ`, then `alg`.
fn check_header(header: &Map<String, Value>) -> Result<(), TokenError> {
    if header.get("typ").is_some_and(|typ| typ != "JWT") {
        return Err(TokenError::Unsupported("`typ` is not `JWT`"));
    }
    match header.get("alg") {
        Some(Value::String(alg)) if alg == "RS256" => {}
        Some(Value::String(_)) => return Err(TokenError::Unsupported("`alg` is not `RS256`")),
        _ => return Err(TokenError::Malformed("`alg` is missing or not a string")),
    }
    // RFC 7515 §4.1.11: a recipient must refuse extensions that it does not support, and none is supported
    // here.
    if header.contains_key("crit") {
        return Err(TokenError::Unsupported("it has a `crit` header"));
    }
    if FOREIGN_KEY_MEMBERS.iter().any(|member| header.contains_key(*member)) {
        return Err(TokenError::Unsupported("its header contains a key or the URL of one"));
    }
    match header.get("cat") {
        None => Ok(()),
        Some(Value::String(category)) => check_category(category),
        Some(_) => Err(TokenError::Malformed("`cat` is not a string")),
    }
}

fn check_category(category: &str) -> Result<(), TokenError> {
    match category {
        CATEGORY_SESSION => Ok(()),
        CATEGORY_TEMPLATE => {
            Err(TokenError::Unsupported("it was made from a custom JWT template; use a session token"))
        }
        CATEGORY_MACHINE => {
            Err(TokenError::Unsupported("a machine token carries no plan; use a session token"))
        }
        _ => Err(TokenError::Unsupported("`cat` is not that of a session token")),
    }
}

fn key_id(header: &Map<String, Value>) -> Result<Option<String>, TokenError> {
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid.clone())),
        Some(_) => Err(TokenError::Malformed("`kid` is not a string")),
    }
}

fn claims_read_at(header: &Map<String, Value>) -> Result<Option<Micros>, TokenError> {
    match header.get("oiat") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => numeric_date(value).map(Some).ok_or(TokenError::Malformed("`oiat` is not a time")),
    }
}
