//! Why a request has no caller, and the response that says so.

use crate::auth::token::TokenError;
use crate::problem::Problem;

/// Why a request has no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthError {
    /// No session token, or none that holds.
    Token(TokenError),
    /// The keys could not be fetched.
    KeysUnavailable,
    /// The keys are being fetched, and too many requests wait for them.
    TooManyWaiting,
    /// Neither the host nor the module can check signatures.
    SignaturesUnsupported,
}

impl AuthError {
    /// Returns the response: 401 for a token that does not hold, else 503.
    pub(crate) fn problem(self) -> Problem {
        match self {
            AuthError::Token(error) => Problem::new(401, error.code().as_str(), error.to_string())
                .header("www-authenticate", challenge(error)),
            AuthError::KeysUnavailable => keys_unavailable(
                "the keys that session tokens are checked with cannot be fetched at present; try again",
            )
            .header("retry-after", "1"),
            AuthError::TooManyWaiting => {
                keys_unavailable("the keys that session tokens are checked with are being fetched; try again")
                    .header("retry-after", "1")
            }
            AuthError::SignaturesUnsupported => {
                keys_unavailable("the gateway cannot check signatures at present")
            }
        }
    }
}

fn keys_unavailable(detail: &str) -> Problem {
    Problem::new(503, "keys_unavailable", detail)
}

/// Returns the `www-authenticate` of RFC 6750 §3: a request without a token is told the scheme only, one with a bad
/// token also why.
fn challenge(error: TokenError) -> String {
    match error {
        TokenError::Missing => "Bearer".to_owned(),
        error => format!(r#"Bearer error="invalid_token", error_description="{}""#, error.code().as_str()),
    }
}
