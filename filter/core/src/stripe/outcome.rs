//! How a call to Stripe's API ended, sorted by what follows from it.
//!
//! Above all, nothing but Stripe's own word counts as "there is no such thing": from that a plan is taken
//! away. A 404 of some other server, or of the other mode's keys, is trouble.

use super::object::Unreadable;
use super::wire::{self, Object};
use crate::http::{HeaderMap, Outcome};
use std::fmt;

/// The longest text of an error that is kept, in characters.
pub(crate) const MESSAGE_CHARS_MAX: usize = 300;

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StripeResponse<T> {
    /// It was done, and this is the answer.
    Done(T),
    /// Stripe says that there is no such object.
    Missing,
    /// Stripe does not accept the API key for this, or the key is of the other mode. It stays so until
    /// someone acts.
    Unauthorized(StripeApiError),
    /// The key is a restricted one without a permission that this endpoint needs. It stays so until someone
    /// acts.
    Forbidden(MissingPermission),
    /// It may work later.
    Transient(Trouble),
    /// Stripe refuses the request. It stays so until someone acts.
    Refused(StripeApiError),
}

/// Why a call may work later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection was refused, or broke.
    #[error("the connection was refused or broke")]
    Reset,
    /// The answer was larger than is taken.
    #[error("the answer is too large")]
    TooLarge,
    /// Envoy has no such cluster.
    #[error("Envoy has no such cluster")]
    ClusterUnknown,
    /// An answer of a status and form that Stripe's API does not have.
    #[error("an answer that is not Stripe's, with status {0}")]
    Foreign(u16),
    /// An answer that cannot be read.
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    /// Stripe is overloaded, in trouble, or busy with the same object.
    #[error("Stripe says: {0}")]
    Stripe(StripeApiError),
}

/// What a restricted key lacks (<https://docs.stripe.com/keys/restricted-api-keys>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPermission {
    /// The permissions of which one would do, as Stripe names them (`rak_subscription_read`); empty if it
    /// names none.
    pub(crate) permissions: Vec<String>,
    /// What Stripe says.
    pub(crate) error: StripeApiError,
}

/// An error of Stripe's: <https://docs.stripe.com/api/errors>.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StripeApiError {
    /// The status code.
    pub(crate) status: u16,
    /// Its `type`, as in `invalid_request_error`; empty if there is none, like all the texts here.
    pub(crate) kind: String,
    /// Its `code`, as in `resource_missing`.
    pub(crate) code: String,
    /// The parameter that it is about.
    pub(crate) param: String,
    /// What it says to people, without what looks like a key.
    pub(crate) message: String,
    /// The id by which Stripe finds the request.
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
    /// Sorts an outcome; `parse` reads the body of a success.
    pub fn of(outcome: &Outcome<'_>, parse: impl FnOnce(&[u8]) -> Result<T, Unreadable>) -> Self {
        match *outcome {
            Outcome::Answered { status: 200..=299, body, .. } => match parse(body) {
                Ok(object) => StripeResponse::Done(object),
                Err(unreadable) => StripeResponse::Transient(unreadable.into()),
            },
            Outcome::Answered { status, headers, body } => Self::of_error(status, headers, body),
            Outcome::TimedOut => StripeResponse::Transient(Trouble::TimedOut),
            Outcome::Reset => StripeResponse::Transient(Trouble::Reset),
            Outcome::TooLarge => StripeResponse::Transient(Trouble::TooLarge),
            Outcome::ClusterUnknown => StripeResponse::Transient(Trouble::ClusterUnknown),
            Outcome::Message(_) | Outcome::Failed { .. } => StripeResponse::Transient(Trouble::Foreign(0)),
        }
    }

    /// The same, but that Stripe has no such object in this key's mode, while it has one in the other, says
    /// that there is none.
    #[must_use]
    pub(crate) fn or_of_other_mode(self) -> Self {
        match self {
            StripeResponse::Unauthorized(error) if error.code == "resource_missing" => {
                StripeResponse::Missing
            }
            answer => answer,
        }
    }

    fn of_error(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let Ok((error, other_mode, permissions)) = StripeApiError::read(status, headers, body) else {
            // Something between here and Stripe answered: Envoy's own 503 for one, or a credential injector's
            // 401.
            return match status {
                401 | 403 => {
                    StripeResponse::Unauthorized(StripeApiError { status, ..StripeApiError::default() })
                }
                _ => StripeResponse::Transient(Trouble::Foreign(status)),
            };
        };
        let missing = error.code == "resource_missing";
        match (status, headers.get("stripe-should-retry")) {
            // A mistaken key shows nothing of what the right one would.
            (400..=499, _) if missing && other_mode => StripeResponse::Unauthorized(error),
            // The subscription after which the next page starts is gone, not what was asked for.
            (400..=499, _) if missing && error.param == "starting_after" => Self::later(error),
            (400..=499, _) if missing => StripeResponse::Missing,
            (403, _) if error.is_missing_permission() || !permissions.is_empty() => {
                StripeResponse::Forbidden(MissingPermission { permissions, error })
            }
            (401 | 403, _) => StripeResponse::Unauthorized(error),
            (_, Some(b"true")) => Self::later(error),
            (409, Some(b"false")) => StripeResponse::Refused(error),
            // Also where Stripe says not to retry: it means at once, and the next delivery is much later.
            (409 | 429 | 500..=599, _) => Self::later(error),
            (400..=499, _) => StripeResponse::Refused(error),
            _ => StripeResponse::Transient(Trouble::Foreign(status)),
        }
    }

    fn later(error: StripeApiError) -> Self {
        StripeResponse::Transient(Trouble::Stripe(error))
    }
}

/// Part of what Stripe says of an object of the other mode: `No such customer: 'cus_…'; a similar object
/// exists in test mode, but a live mode key was used to make this request.` There is no code for it.
const OTHER_MODE: &str = "a similar object exists in";

/// The code of what a restricted key may not do, and a part of the message that stands there with it or
/// without it.
const MISSING_PERMISSION: (&str, &str) =
    ("more_permissions_required", "does not have the required permissions");

/// What Stripe's permissions of restricted keys begin with.
const PERMISSION_PREFIX: &str = "rak_";

/// How many permissions of one message are kept, and how long each may be.
const PERMISSIONS_MAX: usize = 8;
const PERMISSION_BYTES_MAX: usize = 64;

impl StripeApiError {
    fn is_missing_permission(&self) -> bool {
        self.code.starts_with(MISSING_PERMISSION.0) || self.message.contains(MISSING_PERMISSION.1)
    }

    /// The error in an answer, whether it speaks of an object of the other mode, and the permissions that it
    /// names.
    fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Result<(Self, bool, Vec<String>), Unreadable> {
        let body = wire::value(body)?;
        let wire = Object::of(&body)?.needed_object("error")?;
        let text = |name| wire.optional_text(name).unwrap_or_default();
        let message = text("message");
        let request_id = headers.get("request-id").and_then(|id| std::str::from_utf8(id).ok());
        let error = StripeApiError {
            status,
            kind: short(text("type")),
            code: short(text("code")),
            param: short(text("param")),
            message: short(&without_keys(message)),
            request_id: short(request_id.unwrap_or_default()),
        };
        Ok((error, message.contains(OTHER_MODE), permissions(message)))
    }
}

/// The permissions in a message: `… Having the 'rak_subscription_read' permission would allow this request
/// …`.
fn permissions(message: &str) -> Vec<String> {
    let words = message.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named =
        words.filter(|word| word.starts_with(PERMISSION_PREFIX) && word.len() <= PERMISSION_BYTES_MAX);
    named.take(PERMISSIONS_MAX).map(str::to_owned).collect()
}

fn short(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

/// Stripe stars out most of a key that it repeats, but not all: what is left of it goes too.
fn without_keys(message: &str) -> String {
    let starred = |word: &str| match ["sk_", "rk_", "pk_"].iter().find_map(|prefix| word.find(prefix)) {
        // A permission such as `rak_task_read` is no key.
        Some(_) if word.trim_matches('\'').starts_with(PERMISSION_PREFIX) => word.to_owned(),
        Some(place) => format!("{}***", word.get(..place).unwrap_or_default()),
        None => word.to_owned(),
    };
    message.split(' ').map(starred).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
