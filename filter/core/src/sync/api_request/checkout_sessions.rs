//! The request for the Checkout Sessions that made a subscription.

use super::{ApiRequest, stripe_response};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::SubscriptionId;
use crate::stripe::api::StripeApi;
use crate::stripe::checkout_session::SessionList;
use crate::sync::error::SyncError;

/// Lists the Checkout Sessions that made a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListSessions(pub(crate) SubscriptionId);

/// The response to [`ListSessions`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SessionsResponse {
    /// The sessions.
    Listed(SessionList),
    /// Stripe does not let the API key read them. Others may say whose the subscription is.
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
