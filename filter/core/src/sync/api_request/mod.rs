//! Requests to Stripe and Clerk, each of which knows its own response.
//!
//! Whoever sends a request reads its response through it, so that a response is never taken for that of
//! another request.

mod checkout_sessions;
mod invoices;
mod note_owner;
mod products;
mod record;
mod subscription_items;
mod subscriptions;

use super::error::{Service, SyncError};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::stripe::object::Unreadable;
use crate::stripe::outcome::StripeResponse;

pub(crate) use checkout_sessions::{ListSessions, SessionsResponse};
pub(crate) use invoices::ListOpenInvoices;
pub(crate) use note_owner::{NoteOwner, NoteResponse};
pub(crate) use products::RetrieveProduct;
pub(crate) use record::{ReadRecord, WriteRecord};
pub(crate) use subscription_items::ListItems;
pub(crate) use subscriptions::{
    ListSubscriptions, NextPage, RecordedResponse, RetrieveCustomer, RetrieveRecorded, RetrieveSubscription,
    SubscriptionResponse,
};

/// A request to Stripe or Clerk.
pub(crate) trait ApiRequest {
    /// What a response to it says.
    type Response;

    /// Returns the callout, with the time that the configuration gives it. `idempotency_scope` tells this
    /// sync from all others.
    fn callout(&self, settings: &SyncSettings, idempotency_scope: &str) -> Callout;

    /// Reads the outcome of the callout.
    ///
    /// # Errors
    /// [`SyncError`] if that says nothing from which a sync may go on.
    fn read(&self, settings: &SyncSettings, outcome: &Outcome<'_>) -> Result<Self::Response, SyncError>;
}

/// What it means that Stripe does not have what an event is about. Stripe forgets neither customers nor
/// subscriptions: this is another account, of which nothing may be concluded.
const OTHER_ACCOUNT: SyncError = SyncError::Credentials { service: Service::Stripe };

/// Reads Stripe's response; `None` where it says that there is no such thing.
fn stripe_response<T>(
    endpoint: &'static str,
    outcome: &Outcome<'_>,
    parse: fn(&[u8]) -> Result<T, Unreadable>,
) -> Result<Option<T>, SyncError> {
    found(endpoint, StripeResponse::of(outcome, parse))
}

/// Returns what the response of that endpoint says; `None` where it says that there is no such thing.
pub(crate) fn found<T>(endpoint: &'static str, answer: StripeResponse<T>) -> Result<Option<T>, SyncError> {
    match answer {
        StripeResponse::Done(found) => Ok(Some(found)),
        StripeResponse::Missing => Ok(None),
        StripeResponse::Unauthorized(_) => Err(SyncError::Credentials { service: Service::Stripe }),
        StripeResponse::Forbidden(missing) => {
            Err(SyncError::Forbidden { endpoint, missing: Box::new(missing) })
        }
        StripeResponse::Transient(error) => {
            Err(SyncError::Transient { service: Service::Stripe, why: error.to_string() })
        }
        StripeResponse::Refused(error) => {
            Err(SyncError::Refused { service: Service::Stripe, why: error.to_string() })
        }
    }
}
