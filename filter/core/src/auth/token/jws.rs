//! A token's three parts and its header. Believes no claim: that is for after the signature was checked.

use super::TokenError;
use crate::auth::keys::PublicKey;
use crate::clerk::numeric_date::numeric_date;
use crate::json;
use crate::machine::Action;
use crate::time::Micros;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The longest token that is taken apart. Clerk's stay below 4 KB, because they travel in a cookie.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// How Clerk's opaque machine tokens begin: API keys, machine-to-machine tokens, OAuth access tokens.
const MACHINE_TOKEN_PREFIXES: [&[u8]; 3] = [b"ak_", b"mt_", b"oat_"];

/// Header members by which a token brings its own key, or says where to fetch one. Whoever believed them would
/// believe anybody (RFC 7515 §4.1.2–4.1.6).
const FOREIGN_KEY_MEMBERS: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];

/// `cat` of a session token.
const CATEGORY_SESSION: &str = "cl_B7d4PD111AAA";
/// `cat` of a token made from a custom JWT template.
const CATEGORY_TEMPLATE: &str = "cl_B7d4PD222AAA";
/// `cat` of a machine's token.
const CATEGORY_MACHINE: &str = "cl_B7d4PD333AAA";

/// A token in JWS compact serialisation (RFC 7515 §7.1), signed with RS256 by its own account.
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
    /// Takes a token apart: three parts in strict base64url (no padding, no stray bits), a header in strict JSON,
    /// `typ` absent or `JWT`, `alg` RS256, no `crit`, no key of its own, `cat` absent or that of a session.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] if it is no such thing; [`TokenError::Unsupported`] if it is a machine token, from a
    /// custom template, or asks for what is not done here.
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

    /// Returns the token as it came.
    pub fn into_token(self) -> Vec<u8> {
        self.token
    }

    /// What was signed: the first two parts and the dot between them, as they came.
    pub(crate) fn signing_input(&self) -> &[u8] {
        self.token.get(..self.signing_input_bytes).unwrap_or_default()
    }

    /// The signature's bytes.
    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The claims' bytes, not yet read.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// `kid`: which key it says it was signed with.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// `oiat`: when Clerk read the claims from its database; an edge refresh copies old claims under a new `iat`.
    pub(crate) fn claims_read_at(&self) -> Option<Micros> {
        self.claims_read_at
    }

    /// Returns how many bytes are kept of it.
    pub(crate) fn byte_len(&self) -> usize {
        let parts = [&self.token, &self.signature, &self.payload].map(Vec::len);
        let key_id = self.key_id.as_ref().map_or(0, String::len);
        parts.into_iter().fold(key_id, usize::saturating_add)
    }

    /// The action that checks the signature with `key`.
    pub(crate) fn verify_with(&self, key: &PublicKey) -> Action {
        Action::Verify {
            public_key: key.spki().to_vec(),
            signature: self.signature.clone(),
            text: self.signing_input().to_vec(),
        }
    }
}

impl std::fmt::Debug for Jws {
    /// The key's id only: whoever has the rest is signed in.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jws").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Decodes one part. The engine takes the URL-safe alphabet only, no `=`, and no bits that decode to nothing.
fn base64url(part: &[u8]) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed("a part of it is not base64url without padding"))
}

/// All but the last part and the dot before it.
fn header_and_payload_bytes(token: &[u8], signature: &[u8]) -> usize {
    token.len().saturating_sub(signature.len()).saturating_sub(1)
}

/// Whether the header is one of a session token. In the order of `@clerk/backend`: `typ`, then `alg`.
fn check_header(header: &Map<String, Value>) -> Result<(), TokenError> {
    if header.get("typ").is_some_and(|typ| typ != "JWT") {
        return Err(TokenError::Unsupported("`typ` is not `JWT`"));
    }
    match header.get("alg") {
        Some(Value::String(alg)) if alg == "RS256" => {}
        Some(Value::String(_)) => return Err(TokenError::Unsupported("`alg` is not `RS256`")),
        _ => return Err(TokenError::Malformed("`alg` is missing or no text")),
    }
    // RFC 7515 §4.1.11: whoever does not understand an extension in it must refuse. None is understood here.
    if header.contains_key("crit") {
        return Err(TokenError::Unsupported("it has a `crit` header"));
    }
    if FOREIGN_KEY_MEMBERS.iter().any(|member| header.contains_key(*member)) {
        return Err(TokenError::Unsupported("it brings its own key"));
    }
    match header.get("cat") {
        None => Ok(()),
        Some(Value::String(category)) => check_category(category),
        Some(_) => Err(TokenError::Malformed("`cat` is no text")),
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
        Some(_) => Err(TokenError::Malformed("`kid` is no text")),
    }
}

fn claims_read_at(header: &Map<String, Value>) -> Result<Option<Micros>, TokenError> {
    match header.get("oiat") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => numeric_date(value).map(Some).ok_or(TokenError::Malformed("`oiat` is not a time")),
    }
}
