//! Who may use a session token here, and when. Cheap, for it is asked on every use of a token, cached or not.

use super::TokenError;
use super::jws::Jws;
use super::session::{ClaimNames, Session};
use crate::time::Micros;
use std::time::Duration;

/// What is asked of a session beyond its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// The Clerk instance: `iss` must be exactly this.
    pub issuer: String,
    /// The origins that may use a token here; empty for any.
    pub authorized_parties: Vec<String>,
    /// Whether a token must have `azp`. Those of native clients have none.
    pub require_azp: bool,
    /// `aud` must name one of these; empty for not asked.
    pub audience: Vec<String>,
    /// By how much clocks may differ.
    pub clock_skew: Duration,
}

impl TokenRules {
    /// Judges a session at the time `now`, in the order of `@clerk/backend`, with the issuer first and the status
    /// last.
    ///
    /// A token is expired from `exp` + skew on; `nbf` and `iat` of exactly now + skew pass.
    ///
    /// # Errors
    /// [`TokenError`]: what is wrong.
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

    /// Judges a token by its claims alone, before its signature is checked, and returns its `iat`.
    ///
    /// An error is final, so that such a token costs no check of a signature. That there is none proves nothing:
    /// anybody can write claims.
    ///
    /// # Errors
    /// [`TokenError`]: what is wrong, whoever signed it.
    pub(crate) fn check_unverified(&self, jws: &Jws, now: Micros) -> Result<Option<Micros>, TokenError> {
        let session = Session::read(jws)?;
        self.check(&session, now).map(|()| session.issued_at)
    }

    fn is_authorized(&self, party: &ClaimNames) -> bool {
        let not_needed = *party == ClaimNames::Absent && !self.require_azp;
        self.authorized_parties.is_empty() || not_needed || names_one_of(party, &self.authorized_parties)
    }
}

fn names_one_of(claim: &ClaimNames, wanted: &[String]) -> bool {
    matches!(claim, ClaimNames::Are(names) if names.iter().any(|name| wanted.contains(name)))
}
