//! Errors of authentication, and their responses.

use crate::auth::token::TokenError;
use crate::problem::{Problem, ProblemCode};

/// An error of a request's authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthError {
    /// There is no valid session token.
    Token(TokenError),
    /// The keys could not be fetched.
    KeysUnavailable,
    /// The keys are being fetched, and too many requests wait for them.
    TooManyWaiting,
    /// Neither the host nor the module can verify signatures.
    SignaturesUnsupported,
}

impl AuthError {
    /// Returns the code of the response.
    pub(crate) fn code(self) -> ProblemCode {
        match self {
            AuthError::Token(error) => error.code().problem(),
            AuthError::KeysUnavailable | AuthError::TooManyWaiting | AuthError::SignaturesUnsupported => {
                ProblemCode::KeysUnavailable
            }
        }
    }

    /// Returns the response: 401 for a missing or invalid token, otherwise 503.
    pub(crate) fn problem(self) -> Problem {
        match self {
            AuthError::Token(error) => Problem::new(401, error.code().problem(), error.to_string())
                .header("www-authenticate", challenge(error)),
            AuthError::KeysUnavailable => keys_unavailable(
                "the keys to verify session tokens with cannot be fetched at the moment; try again",
            )
            .header("retry-after", "1"),
            AuthError::TooManyWaiting => {
                keys_unavailable("the keys to verify session tokens with are being fetched; try again")
                    .header("retry-after", "1")
            }
            AuthError::SignaturesUnsupported => {
                keys_unavailable("the gateway cannot verify signatures at the moment")
            }
        }
    }
}

fn keys_unavailable(detail: &str) -> Problem {
    Problem::new(503, ProblemCode::KeysUnavailable, detail)
}

/// Returns the value of `www-authenticate` (RFC 6750 §3): only the scheme if the request has no token, also
/// the error if its token is invalid.
fn challenge(error: TokenError) -> String {
    match error {
        TokenError::Missing => "Bearer".to_owned(),
        error => format!(r#"Bearer error="invalid_token", error_description="{}""#, error.code().as_str()),
    }
}
