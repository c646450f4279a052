//! Requests to Stripe and Clerk, each with the parser of its response.
//!
//! A response is always read through its request, so that it cannot be mistaken for the response to another
//! request.

mod billing_subscription;
mod checkout_sessions;
mod invoices;
mod note_owner;
mod open_sessions;
mod products;
mod record;
mod search;
mod subscription_items;
mod subscriptions;

use super::error::{Service, SyncError};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::stripe::object::UnreadableError;
use crate::stripe::outcome::StripeResponse;

pub(crate) use billing_subscription::ReadBilling;
pub(crate) use checkout_sessions::{ListSessions, SessionsResponse};
pub(crate) use invoices::ListOpenInvoices;
pub(crate) use note_owner::{NoteOwner, NoteResponse};
pub(crate) use open_sessions::{ExpireSessions, ListOpenSessions};
pub(crate) use products::RetrieveProduct;
pub(crate) use record::{ReadRecord, WriteRecord};
pub(crate) use search::SearchSubject;
pub(crate) use subscription_items::ListItems;
pub(crate) use subscriptions::{
    ListSubscriptions, NextPage, RecordedResponse, RetrieveCustomer, RetrieveRecorded, RetrieveSubscription,
    SubscriptionResponse,
};

/// A request to Stripe or Clerk.
pub(crate) trait ApiRequest {
    /// The parsed response.
    type Response;

    /// Returns the callout, with the configured timeout. `idempotency_scope` is unique to this sync.
    fn callout(&self, settings: &SyncSettings, idempotency_scope: &str) -> Callout;

    /// Reads the outcome of the callout.
    ///
    /// # Errors
    /// [`SyncError`] if the sync cannot continue with this outcome.
    fn read(&self, settings: &SyncSettings, outcome: &Outcome<'_>) -> Result<Self::Response, SyncError>;
}

/// Reads Stripe's response; `None` if Stripe does not have the object.
fn stripe_response<T>(
    endpoint: &'static str,
    outcome: &Outcome<'_>,
    parse: fn(&[u8]) -> Result<T, UnreadableError>,
) -> Result<Option<T>, SyncError> {
    object_in(endpoint, StripeResponse::from_outcome(outcome, parse))
}

/// Returns the object in a response of the endpoint; `None` if Stripe does not have it.
pub(crate) fn object_in<T>(
    endpoint: &'static str,
    response: StripeResponse<T>,
) -> Result<Option<T>, SyncError> {
    match response {
        StripeResponse::Done(found) => Ok(Some(found)),
        StripeResponse::Missing => Ok(None),
        StripeResponse::Unauthorized(error) if error.is_resource_missing() => {
            Err(SyncError::ObjectUnknown { object: None, why: Some(error.to_string()) })
        }
        StripeResponse::Unauthorized(error) => {
            Err(SyncError::KeyRefused { service: Service::Stripe, why: error.to_string() })
        }
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
