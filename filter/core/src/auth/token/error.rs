//! The reasons to refuse a session token, as far as clients need to tell them apart.

use crate::problem::ProblemCode;

/// An error of a session token. `Display` is for people, [`TokenError::code`] for programs.
///
/// Neither contains any part of the token, so both may be sent and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The request has no token.
    #[error(
        "a session token is required: send it as `Authorization: Bearer <token>` or in Clerk's session cookie"
    )]
    Missing,
    /// The token does not have the form of a session token.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// The token is well formed, but not a supported session token.
    #[error("the token is of an unsupported kind: {0}")]
    Unsupported(&'static str),
    /// None of the keys in force has the token's key id.
    #[error("the token was signed with an unknown key: is it from another Clerk instance?")]
    UnknownKey,
    /// The signature is invalid.
    #[error("the token's signature does not match")]
    SignatureMismatch,
    /// `iss` names another Clerk instance.
    #[error("the token was issued by another Clerk instance")]
    WrongIssuer,
    /// `aud` names none of the configured audiences.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `azp` is not one of the authorized parties.
    #[error("the token was issued to an origin that is not an authorized party")]
    UnauthorizedParty,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `sts` says that the session is not active, so the user counts as signed out.
    #[error("the session is pending: the user has not completed all steps of the sign-in")]
    SessionPending,
}

impl TokenError {
    /// Returns the code for clients and metrics.
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

    /// Returns the error of whichever token passed more checks, or `self` if both passed as many.
    ///
    /// A browser may send cookies of several Clerk instances. If all tokens are refused, the response should
    /// report what is wrong with this instance's token, not that another instance's token was signed with an
    /// unknown key.
    #[must_use]
    pub(crate) fn or_of_later_check(self, other: TokenError) -> TokenError {
        if other.checks_passed() > self.checks_passed() { other } else { self }
    }

    /// Returns the number of checks that a token with this error has passed.
    const fn checks_passed(self) -> u8 {
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
    /// All codes.
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

    /// Returns the code of the response.
    pub(crate) const fn problem(self) -> ProblemCode {
        match self {
            TokenCode::Missing => ProblemCode::MissingToken,
            TokenCode::Malformed => ProblemCode::MalformedToken,
            TokenCode::Expired => ProblemCode::TokenExpired,
            TokenCode::NotYetValid => ProblemCode::TokenNotYetValid,
            TokenCode::SignatureMismatch => ProblemCode::SignatureMismatch,
            TokenCode::UnknownKey => ProblemCode::UnknownKey,
            TokenCode::WrongIssuer => ProblemCode::WrongIssuer,
            TokenCode::UnauthorizedParty => ProblemCode::UnauthorizedParty,
            TokenCode::WrongAudience => ProblemCode::WrongAudience,
            TokenCode::Unsupported => ProblemCode::UnsupportedToken,
            TokenCode::SessionPending => ProblemCode::SessionPending,
        }
    }

    /// Returns the string of the code.
    pub(crate) const fn as_str(self) -> &'static str {
        self.problem().as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_the_token_that_passed_more_checks_is_returned() {
        let (other, own) = (TokenError::UnknownKey, TokenError::Expired);
        assert_eq!(other.or_of_later_check(own), own);
        assert_eq!(own.or_of_later_check(other), own);
        assert_eq!(
            TokenError::Expired.or_of_later_check(TokenError::NotYetValid),
            TokenError::Expired,
            "of two equal errors, the first is returned"
        );
    }

    #[test]
    fn each_index_is_the_position_in_all() {
        for (index, code) in TokenCode::ALL.into_iter().enumerate() {
            assert_eq!(code.index(), index, "{}", code.as_str());
        }
    }
}
