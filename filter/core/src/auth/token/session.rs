//! Reads the claims of a session token with a valid signature, versions 1 and 2. [`super::rules`] checks
//! them.

use super::TokenError;
use super::jws::Jws;
use crate::clerk::numeric_date::numeric_date;
use crate::ids::{OrganizationId, SessionId, UserId};
use crate::json;
use crate::machine::Verification;
use crate::time::Micros;
use serde_json::{Map, Value};

/// A session of a signed-in user, from the claims of a token.
#[derive(Clone, PartialEq)]
pub struct Session {
    /// The user: `sub`.
    pub user: UserId,
    /// The session's id: `sid`.
    pub(crate) session: Option<SessionId>,
    /// The active organization: `o.id` in version 2, `org_id` in version 1.
    pub(crate) organization: Option<OrganizationId>,
    /// `iss`; `None` if it is missing or not a string.
    pub(crate) issuer: Option<String>,
    /// `azp`: the origin that the token was issued to. Empty text counts as absent, as in `@clerk/backend`.
    pub(crate) authorized_party: ClaimNames,
    /// `aud`: the audiences of the token.
    pub(crate) audience: ClaimNames,
    /// `exp`.
    pub expires_at: Micros,
    /// `nbf`.
    pub(crate) not_before: Option<Micros>,
    /// `iat`.
    pub(crate) issued_at: Option<Micros>,
    /// `oiat`, or `iat` without it: a plan that was written to Clerk after this time is not in the claims.
    pub(crate) claims_read_at: Option<Micros>,
    /// Whether `sts` is absent or `active`.
    pub(crate) active: bool,
    /// All claims, because the configuration names those with the plan.
    pub(crate) claims: Map<String, Value>,
}

/// A claim that is a name or a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimNames {
    /// The claim is missing or null.
    Absent,
    /// The claim has these names.
    Names(Vec<String>),
    /// The claim is of another type, and matches no name.
    Unusable,
}

impl Session {
    /// Reads the claims of a token whose signature is verified.
    ///
    /// # Errors
    /// [`TokenError::SignatureMismatch`] unless `signature` is [`Verification::Valid`];
    /// [`TokenError::Malformed`] if a required claim is missing or malformed;
    /// [`TokenError::Unsupported`] if the subject is not a user, or the version of the claims is unknown.
    pub fn from_jws(jws: &Jws, signature: Verification) -> Result<Self, TokenError> {
        if signature == Verification::Valid { Self::read(jws) } else { Err(TokenError::SignatureMismatch) }
    }

    /// Reads the claims of a token whose signature is not verified.
    pub(super) fn read(jws: &Jws) -> Result<Self, TokenError> {
        let claims = json::read_object(jws.payload())
            .ok_or(TokenError::Malformed("its claims are not a JSON object, or name a member twice"))?;
        let issued_at = optional_date(&claims, "iat", TokenError::Malformed("`iat` is not a time"))?;
        Ok(Session {
            user: user(&claims)?,
            session: session(&claims)?,
            organization: organization(&claims)?,
            issuer: claims.get("iss").and_then(Value::as_str).map(str::to_owned),
            authorized_party: authorized_party(&claims),
            audience: one_name_or_several(claims.get("aud")),
            expires_at: claims
                .get("exp")
                .and_then(numeric_date)
                .ok_or(TokenError::Malformed("`exp` is missing or not a time"))?,
            not_before: optional_date(&claims, "nbf", TokenError::Malformed("`nbf` is not a time"))?,
            issued_at,
            claims_read_at: jws.claims_read_at().or(issued_at),
            active: claims.get("sts").is_none_or(|sts| sts.is_null() || sts == "active"),
            claims,
        })
    }
}

impl std::fmt::Debug for Session {
    /// Writes only the ids and the expiry, because the other claims may hold any data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Session");
        debug.field("user", &self.user).field("organization", &self.organization);
        debug.field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

fn optional_date(
    claims: &Map<String, Value>,
    name: &str,
    error: TokenError,
) -> Result<Option<Micros>, TokenError> {
    claims.get(name).map(|value| numeric_date(value).ok_or(error)).transpose()
}

fn user(claims: &Map<String, Value>) -> Result<UserId, TokenError> {
    match claims.get("sub").and_then(Value::as_str) {
        Some(machine) if machine.starts_with("mch_") => {
            Err(TokenError::Unsupported("a machine token carries no plan; use a session token"))
        }
        sub => UserId::parse(sub.unwrap_or_default())
            .map_err(|_| TokenError::Malformed("`sub` is not the id of a Clerk user")),
    }
}

fn session(claims: &Map<String, Value>) -> Result<Option<SessionId>, TokenError> {
    let error = TokenError::Malformed("`sid` is not the id of a Clerk session");
    match claims.get("sid") {
        None | Some(Value::Null) => Ok(None),
        Some(sid) => SessionId::parse(sid.as_str().unwrap_or_default()).map(Some).map_err(|_| error),
    }
}

/// Returns the active organization. Each version has its own claim, and only that one counts: the other may
/// be a custom claim with data that the user wrote.
fn organization(claims: &Map<String, Value>) -> Result<Option<OrganizationId>, TokenError> {
    let is_version_2 = match claims.get("v") {
        None | Some(Value::Null) => false,
        Some(version) if *version == 1 || *version == "1" => false,
        Some(version) if *version == 2 || *version == "2" => true,
        Some(_) => return Err(TokenError::Unsupported("its claims are of an unknown version")),
    };
    let claim = claims.get(if is_version_2 { "o" } else { "org_id" });
    let Some(active) = claim.filter(|claim| !claim.is_null()) else { return Ok(None) };
    let id = if is_version_2 { active.get("id") } else { Some(active) };
    let error = TokenError::Malformed("the active organization has no valid id");
    OrganizationId::parse(id.and_then(Value::as_str).unwrap_or_default()).map(Some).map_err(|_| error)
}

/// Returns `azp`. Clerk leaves it out, or leaves it empty, in tokens of requests without an `Origin` field.
fn authorized_party(claims: &Map<String, Value>) -> ClaimNames {
    one_name(claims.get("azp").filter(|party| *party != ""))
}

fn one_name(claim: Option<&Value>) -> ClaimNames {
    match claim {
        None | Some(Value::Null) => ClaimNames::Absent,
        Some(Value::String(name)) => ClaimNames::Names(vec![name.clone()]),
        Some(_) => ClaimNames::Unusable,
    }
}

fn one_name_or_several(claim: Option<&Value>) -> ClaimNames {
    let Some(Value::Array(entries)) = claim else { return one_name(claim) };
    let names: Option<Vec<String>> = entries.iter().map(|entry| entry.as_str().map(str::to_owned)).collect();
    names.map_or(ClaimNames::Unusable, ClaimNames::Names)
}
