//! The request for the Checkout Sessions that created a subscription.

use super::{ApiRequest, stripe_response};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::SubscriptionId;
use crate::stripe::api::StripeApi;
use crate::stripe::checkout_session::SessionList;
use crate::sync::error::SyncError;

/// A request for the Checkout Sessions that created a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListSessions(pub(crate) SubscriptionId);

/// The response to [`ListSessions`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SessionsResponse {
    /// The sessions.
    Listed(SessionList),
    /// The API key lacks the permission. Other objects may still identify the subscription's owner.
    Refused(SyncError),
}

impl ApiRequest for ListSessions {
    type Response = SessionsResponse;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).list_checkout_sessions(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<SessionsResponse, SyncError> {
        match stripe_response("GET /v1/checkout/sessions", outcome, SessionList::parse) {
            Err(refused) if refused.is_refusal() => Ok(SessionsResponse::Refused(refused)),
            sessions => Ok(SessionsResponse::Listed(sessions?.unwrap_or_default())),
        }
    }
}
