//! Why a session token is refused, by causes that a client can tell apart.

/// Why a token is refused. `Display` is for people, [`TokenError::code`] for programs.
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
    /// Returns the code by which clients and metrics tell it from others.
    pub(crate) const fn code(self) -> TokenCode {
        match self {
            TokenError::Missing => TokenCode::Missing,
            TokenError::Malformed(_) => TokenCode::Malformed,
            TokenError::Unsupported(_) => TokenCode::Unsupported,
            TokenError::UnknownKey => TokenCode::UnknownKey,
            TokenError::SignatureMismatch => TokenCode::SignatureMismatch,
            TokenError::WrongIssuer => TokenCode::WrongIssuer,
            TokenError::WrongAudience => TokenCode::WrongAudience,
            TokenError::UnauthorizedParty => TokenCode::UnauthorizedParty,
            TokenError::Expired => TokenCode::Expired,
            TokenError::NotYetValid => TokenCode::NotYetValid,
            TokenError::SessionPending => TokenCode::SessionPending,
        }
    }

    /// Of two refusals the one of the token that came further.
    ///
    /// A browser may send the cookies of several Clerk instances. If all are refused, the client is told what is wrong
    /// with its own one, not that a stranger's was signed with an unknown key.
    #[must_use]
    pub(crate) fn or_further(self, other: TokenError) -> TokenError {
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

/// A [`TokenError`] without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenCode {
    /// See [`TokenError::Missing`].
    Missing,
    /// See [`TokenError::Malformed`].
    Malformed,
    /// See [`TokenError::Expired`].
    Expired,
    /// See [`TokenError::NotYetValid`].
    NotYetValid,
    /// See [`TokenError::SignatureMismatch`].
    SignatureMismatch,
    /// See [`TokenError::UnknownKey`].
    UnknownKey,
    /// See [`TokenError::WrongIssuer`].
    WrongIssuer,
    /// See [`TokenError::UnauthorizedParty`].
    UnauthorizedParty,
    /// See [`TokenError::WrongAudience`].
    WrongAudience,
    /// See [`TokenError::Unsupported`].
    Unsupported,
    /// See [`TokenError::SessionPending`].
    SessionPending,
}

impl TokenCode {
    /// All of them.
    pub(crate) const ALL: [TokenCode; 11] = [
        TokenCode::Missing,
        TokenCode::Malformed,
        TokenCode::Expired,
        TokenCode::NotYetValid,
        TokenCode::SignatureMismatch,
        TokenCode::UnknownKey,
        TokenCode::WrongIssuer,
        TokenCode::UnauthorizedParty,
        TokenCode::WrongAudience,
        TokenCode::Unsupported,
        TokenCode::SessionPending,
    ];

    /// Returns its index in [`TokenCode::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Returns the `code` of the problem that the client is sent.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            TokenCode::Missing => "missing_token",
            TokenCode::Malformed => "malformed_token",
            TokenCode::Expired => "token_expired",
            TokenCode::NotYetValid => "token_not_yet_valid",
            TokenCode::SignatureMismatch => "signature_mismatch",
            TokenCode::UnknownKey => "unknown_key",
            TokenCode::WrongIssuer => "wrong_issuer",
            TokenCode::UnauthorizedParty => "unauthorized_party",
            TokenCode::WrongAudience => "wrong_audience",
            TokenCode::Unsupported => "unsupported_token",
            TokenCode::SessionPending => "session_pending",
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

    #[test]
    fn an_index_is_the_place_in_the_list_of_all() {
        for (index, code) in TokenCode::ALL.into_iter().enumerate() {
            assert_eq!(code.index(), index, "{}", code.as_str());
        }
    }
}
