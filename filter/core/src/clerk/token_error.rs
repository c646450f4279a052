//! Why a session token is refused, by causes that a client can tell apart.

/// Why a token is refused. Display is for people; programs go by [`TokenError::code`].
///
/// Neither holds anything of the token, so both may be sent and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error(
        "a session token is required: send it as `Authorization: Bearer <token>` or in Clerk's session cookie"
    )]
    Missing,
    /// What is there is no session token that could be right.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// It is well formed, but of a kind that is not taken here.
    #[error("the token is of an unsupported kind: {0}")]
    Unsupported(&'static str),
    /// No key that is known here can have signed it.
    #[error("the token was signed with a key that is not known here: is it from another Clerk instance?")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the token's signature does not match")]
    SignatureMismatch,
    /// `iss` is another instance.
    #[error("the token was issued by another Clerk instance")]
    WrongIssuer,
    /// `aud` names nothing that is asked for here.
    #[error("the token is meant for another audience")]
    WrongAudience,
    /// `azp` is not one of the origins that may use a token here.
    #[error("the token was issued to an origin that is not authorized here")]
    UnauthorizedParty,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `sts` says that the session is not active, which means signed out.
    #[error("the session is pending: the sign-in has steps left to complete")]
    SessionPending,
}

impl TokenError {
    /// The `code` of the problem that the client is sent.
    pub const fn code(self) -> &'static str {
        match self {
            TokenError::Missing => "missing_token",
            TokenError::Malformed(_) => "malformed_token",
            TokenError::Unsupported(_) => "unsupported_token",
            TokenError::UnknownKey => "unknown_key",
            TokenError::SignatureMismatch => "signature_mismatch",
            TokenError::WrongIssuer => "wrong_issuer",
            TokenError::WrongAudience => "wrong_audience",
            TokenError::UnauthorizedParty => "unauthorized_party",
            TokenError::Expired => "token_expired",
            TokenError::NotYetValid => "token_not_yet_valid",
            TokenError::SessionPending => "session_pending",
        }
    }

    /// Of two refusals the one of the token that came further.
    ///
    /// A browser may send the cookies of several Clerk instances. If all are refused, the client is told what is wrong
    /// with its own one, not that a stranger's was signed with an unknown key.
    #[must_use]
    pub fn or_further(self, other: TokenError) -> TokenError {
        if other.progress() > self.progress() { other } else { self }
    }

    /// How far a token with this error came.
    const fn progress(self) -> u8 {
        match self {
            TokenError::Missing => 0,
            TokenError::Malformed(_) => 1,
            TokenError::Unsupported(_) => 2,
            TokenError::UnknownKey => 3,
            TokenError::SignatureMismatch => 4,
            TokenError::WrongIssuer => 5,
            TokenError::WrongAudience => 6,
            TokenError::UnauthorizedParty => 7,
            TokenError::Expired | TokenError::NotYetValid => 8,
            TokenError::SessionPending => 9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_refusals_the_one_of_the_own_token_is_told() {
        let (stranger, own) = (TokenError::UnknownKey, TokenError::Expired);
        assert_eq!(stranger.or_further(own), own);
        assert_eq!(own.or_further(stranger), own);
        assert_eq!(
            TokenError::Expired.or_further(TokenError::NotYetValid),
            TokenError::Expired,
            "the first of equals"
        );
    }
}
