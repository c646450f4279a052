//! Why a token was refused, with the value that it has instead of the expected one.

use super::jws::Jws;
use super::session::{ClaimNames, Session};
use super::{TokenError, TokenRules};
use crate::time::Micros;

/// The maximum number of characters of a value that is kept.
const VALUE_CHARS_MAX: usize = 128;

/// An error of a session token, with the value in the token that differs from the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenFailure {
    /// The error.
    pub(crate) error: TokenError,
    /// The value, in printable ASCII; `None` if the token has none, or if the error concerns none. Anyone can
    /// write it: the token's signature may be invalid.
    pub(crate) received: Option<String>,
}

impl From<TokenError> for TokenFailure {
    fn from(error: TokenError) -> Self {
        TokenFailure { error, received: None }
    }
}

impl TokenFailure {
    /// Creates the failure of a token that no key in force has signed: the value is its `kid`.
    pub(crate) fn of_key(error: TokenError, jws: &Jws) -> Self {
        TokenFailure { error, received: jws.key_id().map(printable) }
    }

    /// Creates the failure of a session that breaks a rule.
    fn of_session(error: TokenError, session: &Session) -> Self {
        let received = match error {
            TokenError::WrongIssuer => session.issuer.as_deref().map(printable),
            TokenError::UnauthorizedParty => match &session.authorized_party {
                ClaimNames::Names(names) => names.first().map(|name| printable(name)),
                ClaimNames::Absent | ClaimNames::Unusable => None,
            },
            _ => None,
        };
        TokenFailure { error, received }
    }

    /// Returns the failure of whichever token passed more checks; see [`TokenError::or_of_later_check`].
    #[must_use]
    pub(crate) fn or_of_later_check(self, other: TokenFailure) -> TokenFailure {
        if self.error.or_of_later_check(other.error) == self.error { self } else { other }
    }
}

impl TokenRules {
    /// Checks a session as [`TokenRules::check`] does, and returns it.
    ///
    /// # Errors
    /// The [`TokenFailure`] of the first rule that the session breaks.
    pub(crate) fn checked(&self, session: Session, now: Micros) -> Result<Session, TokenFailure> {
        match self.check(&session, now) {
            Ok(()) => Ok(session),
            Err(error) => Err(TokenFailure::of_session(error, &session)),
        }
    }
}

/// Returns the beginning of a text from a token, with all characters escaped that could mislead the reader of
/// a log.
fn printable(text: &str) -> String {
    let escaped = text.chars().flat_map(|character| {
        let plain = (character == ' ' || character.is_ascii_graphic()).then_some(character);
        let escaped = plain.is_none().then(|| character.escape_default());
        plain.into_iter().chain(escaped.into_iter().flatten())
    });
    escaped.take(VALUE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bounded_and_printable() {
        for (text, want) in [
            ("https://clerk.example.com", "https://clerk.example.com"),
            ("a\nb\u{202e}c\u{7f}", "a\\nb\\u{202e}c\\u{7f}"),
            ("\u{e9}", "\\u{e9}"),
            ("", ""),
        ] {
            assert_eq!(printable(text), want);
        }
        assert_eq!(printable(&"\u{202e}".repeat(9_000)).len(), VALUE_CHARS_MAX);
    }

    #[test]
    fn the_failure_of_the_token_that_passed_more_checks_is_returned() {
        let failure = |error, value: &str| TokenFailure { error, received: Some(value.to_owned()) };
        let (other, own) = (failure(TokenError::UnknownKey, "ins_2"), failure(TokenError::WrongIssuer, "x"));
        assert_eq!(other.clone().or_of_later_check(own.clone()), own);
        assert_eq!(own.clone().or_of_later_check(other), own);
        assert_eq!(own.clone().or_of_later_check(failure(TokenError::WrongIssuer, "y")), own, "the first");
    }
}
