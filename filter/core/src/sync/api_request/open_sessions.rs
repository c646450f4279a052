//! Requests that expire a subject's other open Checkout Sessions once one of them is completed, so that it
//! cannot buy a second subscription.

use super::{ApiRequest, stripe_response};
use crate::config::SyncSettings;
use crate::config::note_keys::PARAMETERS_KEY;
use crate::http::{Callout, Outcome};
use crate::ids::{CheckoutSessionId, CustomerId, Subject};
use crate::stripe::api::StripeApi;
use crate::stripe::hosted_session::BuyerSession;
use crate::sync::error::SyncError;
use crate::sync::ownership::named_in;

/// A request for the sessions of a customer in which the subject could still buy a subscription. Only those
/// that the billing endpoints created count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListOpenSessions {
    pub(crate) customer: CustomerId,
    pub(crate) subject: Subject,
}

impl ApiRequest for ListOpenSessions {
    /// The sessions; none if they cannot be read, because a second subscription would raise an alarm.
    type Response = Vec<CheckoutSessionId>;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).list_customer_sessions(&self.customer)
    }

    fn read(&self, settings: &SyncSettings, outcome: &Outcome<'_>) -> Result<Self::Response, SyncError> {
        let sessions = stripe_response("GET /v1/checkout/sessions", outcome, BuyerSession::parse_list);
        let sessions = sessions.unwrap_or_default().unwrap_or_default().into_iter();
        let is_ours = |session: &BuyerSession| {
            let named = named_in(&session.metadata, &settings.subject_keys).subject;
            session.metadata.get(PARAMETERS_KEY).is_some() && named.as_ref() == Some(&self.subject)
        };
        let open =
            sessions.filter(|session| session.is_open && session.sells_subscription && is_ours(session));
        Ok(open.map(|session| session.id).collect())
    }
}

/// A request that expires the first of these sessions; the others follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpireSessions {
    first: CheckoutSessionId,
    others: Vec<CheckoutSessionId>,
}

impl ExpireSessions {
    /// Creates the request for these sessions; `None` if there are none.
    pub(crate) fn new(mut sessions: Vec<CheckoutSessionId>) -> Option<Self> {
        let first = sessions.pop()?;
        Some(ExpireSessions { first, others: sessions })
    }

    /// Returns the request for the next session.
    pub(crate) fn next(self) -> Option<Self> {
        ExpireSessions::new(self.others)
    }
}

impl ApiRequest for ExpireSessions {
    type Response = ();

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).expire_checkout_session(&self.first)
    }

    /// Accepts every outcome: a session that was paid in the meantime cannot be expired, and then the second
    /// subscription raises an alarm.
    fn read(&self, _: &SyncSettings, _: &Outcome<'_>) -> Result<(), SyncError> {
        Ok(())
    }
}
