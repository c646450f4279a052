//! The request for a billing subscription, and what its response says.

use super::subscription::ClerkSubscription;
use crate::clerk::api::{BackendApi, ClerkApiError, success};
use crate::http::{Callout, Outcome};
use crate::ids::Subject;

/// Clerk's response about the billing subscription of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BillingRead {
    /// Its billing subscription.
    Found(ClerkSubscription),
    /// Clerk has no billing subscription of the subject, or no such subject.
    Missing,
    /// Clerk refuses to say: Billing is switched off for the instance, or for this kind of subjects.
    Off,
}

impl BackendApi<'_> {
    /// Returns the request for the billing subscription of a subject.
    pub(crate) fn read_billing_subscription(&self, subject: &Subject) -> Callout {
        self.read_of(subject, "/billing/subscription")
    }
}

impl BillingRead {
    /// Reads the outcome of the request.
    ///
    /// # Errors
    /// [`ClerkApiError`] if Clerk did not say, or its response cannot be read.
    pub(crate) fn from_outcome(outcome: &Outcome<'_>) -> Result<Self, ClerkApiError> {
        let body = match success(outcome) {
            Ok(body) => body,
            Err(ClerkApiError::Gone) => return Ok(BillingRead::Missing),
            // A 404 without an error of Clerk is not from this API.
            Err(ClerkApiError::Refused { status: 404, code }) if !code.is_empty() => {
                return Ok(BillingRead::Missing);
            }
            Err(ClerkApiError::Credentials { status: 403 } | ClerkApiError::Refused { status: 422, .. }) => {
                return Ok(BillingRead::Off);
            }
            Err(error) => return Err(error),
        };
        ClerkSubscription::parse(body).map(BillingRead::Found).map_err(|_| ClerkApiError::Unreadable)
    }
}
