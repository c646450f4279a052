//! The rules that a session's claims must follow. The check is cheap, because it runs on every use of a
//! token, cached or not.

use super::jws::Jws;
use super::session::{ClaimNames, Session};
use super::{TokenError, TokenFailure};
use crate::time::Micros;
use std::time::Duration;

/// The requirements of a session besides its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// The Clerk instance: `iss` must be exactly this.
    pub issuer: String,
    /// The origins whose tokens are accepted; empty for any.
    pub authorized_parties: Vec<String>,
    /// Whether a token must have `azp`. Tokens of native clients have none.
    pub require_azp: bool,
    /// The audiences of which `aud` must name one; if empty, `aud` is not checked.
    pub audience: Vec<String>,
    /// The largest difference between clocks.
    pub clock_skew: Duration,
}

impl TokenRules {
    /// Checks a session at the time `now`, in the order of `@clerk/backend`, with the issuer first and the
    /// status last.
    ///
    /// A token is expired from `exp` + skew on; `nbf` and `iat` of exactly now + skew pass.
    ///
    /// # Errors
    /// The [`TokenError`] of the first rule that the session breaks.
    pub fn check(&self, session: &Session, now: Micros) -> Result<(), TokenError> {
        if session.issuer.as_ref() != Some(&self.issuer) {
            return Err(TokenError::WrongIssuer);
        }
        if !self.audience.is_empty() && !names_one_of(&session.audience, &self.audience) {
            return Err(TokenError::WrongAudience);
        }
        if !self.is_authorized(&session.authorized_party) {
            return Err(TokenError::UnauthorizedParty);
        }
        if session.expires_at <= now.minus(self.clock_skew) {
            return Err(TokenError::Expired);
        }
        let latest = now.plus(self.clock_skew);
        if session.not_before.max(session.issued_at).is_some_and(|start| start > latest) {
            return Err(TokenError::NotYetValid);
        }
        if session.active { Ok(()) } else { Err(TokenError::SessionPending) }
    }

    /// Checks the claims of a token whose signature is not verified yet, and returns its `iat`.
    ///
    /// A token with an error can be refused without verifying its signature. A token without an error still
    /// needs a valid signature, because anyone can write claims.
    ///
    /// # Errors
    /// The [`TokenFailure`] of the first rule that the session breaks.
    pub(crate) fn check_unverified(&self, jws: &Jws, now: Micros) -> Result<Option<Micros>, TokenFailure> {
        let session = self.checked(Session::read(jws)?, now)?;
        Ok(session.issued_at)
    }

    fn is_authorized(&self, party: &ClaimNames) -> bool {
        let not_needed = *party == ClaimNames::Absent && !self.require_azp;
        self.authorized_parties.is_empty() || not_needed || names_one_of(party, &self.authorized_parties)
    }
}

fn names_one_of(claim: &ClaimNames, wanted: &[String]) -> bool {
    matches!(claim, ClaimNames::Names(names) if names.iter().any(|name| wanted.contains(name)))
}
