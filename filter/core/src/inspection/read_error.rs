//! Why something at Stripe or Clerk could not be read, and what that means for a check that needs it.

use super::check::{CheckLevel, CheckVerdict};
use crate::alarm::AlarmCode;
use crate::backfill::{BackfillError, BackfillErrorCode};
use crate::clerk::api::ClerkApiError;
use crate::stripe::outcome::{MissingPermission, StripeResponse};

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// It was not read: the inspection was interrupted.
    NotRead,
    /// There are more objects than one inspection reads.
    TooMany,
    /// Stripe refuses the API key.
    StripeKeyRefused(String),
    /// Clerk refuses the secret key.
    ClerkKeyRefused(String),
    /// The restricted key of Stripe lacks a permission.
    MissingPermission {
        /// The permissions, any of which is sufficient, as Stripe names them; may be empty.
        permissions: Vec<String>,
        /// Stripe's error.
        why: String,
    },
    /// There was no usable response, also after retries.
    Unavailable(String),
    /// The API refuses the request.
    Refused(String),
}

impl ReadError {
    /// Returns the result of a response of Stripe; `None` if it does not have the object. A response about an
    /// object of the other mode is a refusal.
    pub(super) fn of_stripe<T>(response: StripeResponse<T>) -> Result<Option<T>, Self> {
        match response {
            StripeResponse::Done(object) => Ok(Some(object)),
            StripeResponse::Missing => Ok(None),
            StripeResponse::Unauthorized(error) => Err(ReadError::StripeKeyRefused(error.to_string())),
            StripeResponse::Forbidden(MissingPermission { permissions, error }) => {
                Err(ReadError::MissingPermission { permissions, why: error.to_string() })
            }
            StripeResponse::Transient(error) => Err(ReadError::Unavailable(error.to_string())),
            StripeResponse::Refused(error) => Err(ReadError::Refused(error.to_string())),
        }
    }

    /// Returns the verdict of a check that needs what could not be read. It is a problem, because nothing is
    /// known, unless another check reports the cause as one.
    pub(super) fn verdict(&self) -> CheckVerdict {
        const AGAIN: &str = "run the command again; if it stays, look at the connection to the API";
        let (level, why, cure) = match self {
            ReadError::NotRead => {
                (CheckLevel::Problem, "it was interrupted".to_owned(), "run the command again".to_owned())
            }
            ReadError::TooMany => (
                CheckLevel::Warning,
                "there are more objects than one inspection reads".to_owned(),
                "check the rest in the Dashboard".to_owned(),
            ),
            ReadError::StripeKeyRefused(why) => {
                (CheckLevel::Warning, why.clone(), "see `stripe_key`".to_owned())
            }
            ReadError::ClerkKeyRefused(why) => {
                (CheckLevel::Warning, why.clone(), "see `clerk_key`".to_owned())
            }
            ReadError::MissingPermission { permissions, why } => {
                (CheckLevel::Warning, why.clone(), permission_cure(permissions))
            }
            ReadError::Unavailable(why) => (CheckLevel::Problem, why.clone(), AGAIN.to_owned()),
            ReadError::Refused(why) => {
                (CheckLevel::Problem, why.clone(), "read the API's message".to_owned())
            }
        };
        CheckVerdict { level, detail: format!("could not be checked: {why}"), cure }
    }
}

/// Returns how to give a restricted key what it lacks.
pub(super) fn permission_cure(permissions: &[String]) -> String {
    match permissions {
        [] => "give the restricted key the permission, at Stripe under Developers, API keys".to_owned(),
        names => format!(
            "give the restricted key the permission {}, at Stripe under Developers, API keys",
            names.join(" or ")
        ),
    }
}

impl From<ClerkApiError> for ReadError {
    fn from(error: ClerkApiError) -> Self {
        let why = error.to_string();
        match error {
            ClerkApiError::Credentials { .. } => ReadError::ClerkKeyRefused(why),
            ClerkApiError::Refused { .. } | ClerkApiError::Gone => ReadError::Refused(why),
            ClerkApiError::RateLimited { .. }
            | ClerkApiError::Down { .. }
            | ClerkApiError::NoResponse(_)
            | ClerkApiError::Unreadable => ReadError::Unavailable(why),
        }
    }
}

impl From<&BackfillError> for ReadError {
    fn from(error: &BackfillError) -> Self {
        let why = error.detail.clone();
        match error.code {
            BackfillErrorCode::TooMany => ReadError::TooMany,
            BackfillErrorCode::Sync(AlarmCode::BadCredentials) => ReadError::Refused(why),
            BackfillErrorCode::Sync(_) if error.is_transient => ReadError::Unavailable(why),
            BackfillErrorCode::Sync(_) => ReadError::Refused(why),
        }
    }
}
