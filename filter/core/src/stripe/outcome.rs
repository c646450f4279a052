//! Classifies outcomes of calls to Stripe's API by what the caller can do.
//!
//! Most importantly, only an error from Stripe itself means that an object does not exist, because then a
//! plan may be removed. A 404 from another server, or with a key of the other mode, is an error.

use super::object::UnreadableError;
use super::wire::{self, Object};
use crate::http::{CalloutError, HeaderMap, Outcome};
use std::fmt;

/// The maximum length of a text in an error, in characters.
pub(crate) const MESSAGE_CHARS_MAX: usize = 300;

/// The classified outcome of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StripeResponse<T> {
    /// The call succeeded with this result.
    Done(T),
    /// Stripe does not have the object.
    Missing,
    /// Stripe rejects the API key, or the key belongs to the other mode. An operator must act.
    Unauthorized(StripeApiError),
    /// The restricted key lacks a permission of this endpoint. An operator must act.
    Forbidden(MissingPermission),
    /// The call may succeed later.
    Transient(TransientError),
    /// Stripe refuses the request. An operator must act.
    Refused(StripeApiError),
}

/// An error that a retry may fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransientError {
    /// There is no response.
    #[error("{0}")]
    Callout(#[from] CalloutError),
    /// A response that is not from Stripe's API, with its status.
    #[error("a response that is not from Stripe, with status {0}")]
    Foreign(u16),
    /// A response that cannot be parsed.
    #[error("{0}")]
    Unreadable(#[from] UnreadableError),
    /// Stripe is overloaded, has an internal error, or is busy with the same object.
    #[error("Stripe says: {0}")]
    Stripe(StripeApiError),
}

/// A permission that a restricted key lacks (<https://docs.stripe.com/keys/restricted-api-keys>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPermission {
    /// The permissions, any of which is sufficient, as Stripe names them (`rak_subscription_read`); may be
    /// empty.
    pub(crate) permissions: Vec<String>,
    /// Stripe's error.
    pub(crate) error: StripeApiError,
}

/// An error in a response of Stripe: <https://docs.stripe.com/api/errors>.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StripeApiError {
    /// The status code of the response.
    pub(crate) status: u16,
    /// The error's `type`, such as `invalid_request_error`; empty if absent, like all texts here.
    pub(crate) kind: String,
    /// The error's `code`, such as `resource_missing`.
    pub(crate) code: String,
    /// The parameter that caused the error.
    pub(crate) param: String,
    /// The message for people. Like all texts here, it contains no API key, e-mail address, or URL of a
    /// session.
    pub(crate) message: String,
    /// The request id, which Stripe's support can look up.
    pub(crate) request_id: String,
}

impl fmt::Display for StripeApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        let parts = [(" ", &self.kind), (" ", &self.code), (" of ", &self.param), (": ", &self.message)];
        for (lead, part) in parts.into_iter().chain([(", request ", &self.request_id)]) {
            if !part.is_empty() {
                write!(f, "{lead}{part}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for StripeApiError {}

impl<T> StripeResponse<T> {
    /// Classifies an outcome; `parse` reads the body of a success.
    pub fn from_outcome(
        outcome: &Outcome<'_>,
        parse: impl FnOnce(&[u8]) -> Result<T, UnreadableError>,
    ) -> Self {
        let response = match outcome.http_response() {
            Ok(response) => response,
            Err(error) => return StripeResponse::Transient(error.into()),
        };
        if !(200..=299).contains(&response.status) {
            return Self::of_error(response.status, response.headers, response.body);
        }
        match parse(response.body) {
            Ok(object) => StripeResponse::Done(object),
            Err(unreadable) => StripeResponse::Transient(unreadable.into()),
        }
    }

    /// Returns the response with an object of the other mode treated as missing.
    #[must_use]
    pub(crate) fn with_other_mode_missing(self) -> Self {
        match self {
            StripeResponse::Unauthorized(error) if error.is_resource_missing() => StripeResponse::Missing,
            response => response,
        }
    }

    fn of_error(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let Ok((error, other_mode, permissions)) = StripeApiError::read(status, headers, body) else {
            // The response is from an intermediary, such as Envoy's own 503 or a credential injector's 401.
            return match status {
                401 | 403 => {
                    StripeResponse::Unauthorized(StripeApiError { status, ..StripeApiError::default() })
                }
                _ => StripeResponse::Transient(TransientError::Foreign(status)),
            };
        };
        let missing = error.is_resource_missing();
        match (status, headers.get("stripe-should-retry")) {
            // The key belongs to the other mode, so the response says nothing about the object.
            (400..=499, _) if missing && other_mode => StripeResponse::Unauthorized(error),
            // The subscription after which the page starts is missing, not the requested object.
            (400..=499, _) if missing && error.param == "starting_after" => Self::later(error),
            (400..=499, _) if missing => StripeResponse::Missing,
            (403, _) if error.is_missing_permission() || !permissions.is_empty() => {
                StripeResponse::Forbidden(MissingPermission { permissions, error })
            }
            (401 | 403, _) => StripeResponse::Unauthorized(error),
            (_, Some(b"true")) => Self::later(error),
            (409, Some(b"false")) => StripeResponse::Refused(error),
            // Also if Stripe says not to retry: that means immediately, and the next delivery is much later.
            (409 | 429 | 500..=599, _) => Self::later(error),
            (400..=499, _) => StripeResponse::Refused(error),
            _ => StripeResponse::Transient(TransientError::Foreign(status)),
        }
    }

    fn later(error: StripeApiError) -> Self {
        StripeResponse::Transient(TransientError::Stripe(error))
    }
}

/// Part of Stripe's message about an object of the other mode: `No such customer: 'cus_…'; a similar object
/// exists in test mode, but a live mode key was used to make this request.` There is no error code for it.
const OTHER_MODE: &str = "a similar object exists in";

/// The error code for a missing permission, and a part of the message that occurs with or without the code.
const MISSING_PERMISSION: (&str, &str) =
    ("more_permissions_required", "does not have the required permissions");

/// The prefix of permissions of restricted keys.
const PERMISSION_PREFIX: &str = "rak_";

/// The maximum number of permissions to read from a message, and their maximum length.
const PERMISSIONS_MAX: usize = 8;
const PERMISSION_BYTES_MAX: usize = 64;

impl StripeApiError {
    /// Returns whether the key's account and mode do not have the requested object.
    pub(crate) fn is_resource_missing(&self) -> bool {
        self.code == "resource_missing"
    }

    fn is_missing_permission(&self) -> bool {
        self.code.starts_with(MISSING_PERMISSION.0) || self.message.contains(MISSING_PERMISSION.1)
    }

    /// Reads the error in a response, whether it is about an object of the other mode, and the permissions in
    /// its message.
    fn read(
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(Self, bool, Vec<String>), UnreadableError> {
        let body = wire::value(body)?;
        let wire = Object::from_value(&body)?.needed_object("error")?;
        let message = wire.optional_text("message").unwrap_or_default();
        let text = |name| short(&without_secrets(wire.optional_text(name).unwrap_or_default()));
        let request_id = headers.get("request-id").and_then(|id| std::str::from_utf8(id).ok());
        let error = StripeApiError {
            status,
            kind: text("type"),
            code: text("code"),
            param: text("param"),
            message: text("message"),
            request_id: short(request_id.unwrap_or_default()),
        };
        Ok((error, message.contains(OTHER_MODE), permissions(message)))
    }
}

/// Returns the permissions in a message: `… Having the 'rak_subscription_read' permission would allow this
/// request …`.
fn permissions(message: &str) -> Vec<String> {
    let words = message.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named =
        words.filter(|word| word.starts_with(PERMISSION_PREFIX) && word.len() <= PERMISSION_BYTES_MAX);
    named.take(PERMISSIONS_MAX).map(str::to_owned).collect()
}

fn short(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

/// The beginnings of URLs that say how to correct a request.
const HELP_URLS: [&str; 4] = [
    "https://docs.stripe.com/",
    "https://stripe.com/docs/",
    "https://dashboard.stripe.com/",
    "https://support.stripe.com/",
];

/// Replaces API keys, e-mail addresses, and URLs in a text by `***`. Stripe masks most of a key, but not all
/// of it; and what a request contained can be repeated in its error.
fn without_secrets(message: &str) -> String {
    let masked = |word: &str| match ["sk_", "rk_", "pk_"].iter().find_map(|prefix| word.find(prefix)) {
        // A permission such as `rak_task_read` is not a key.
        Some(_) if word.trim_matches('\'').starts_with(PERMISSION_PREFIX) => word.to_owned(),
        Some(index) => format!("{}***", word.get(..index).unwrap_or_default()),
        None if word.contains("://") && !HELP_URLS.iter().any(|help| word.contains(help)) => "***".to_owned(),
        None if word.contains('@') => "***".to_owned(),
        None => word.to_owned(),
    };
    message.split(' ').map(masked).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
