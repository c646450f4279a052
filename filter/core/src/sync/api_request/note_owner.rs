//! The request that notes on a subscription what its Checkout Session says.

use super::{ApiRequest, stripe_response};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::SubscriptionId;
use crate::stripe::api::StripeApi;
use crate::sync::error::SyncError;
use crate::sync::ownership::NoteChange;

/// Notes on a subscription what its Checkout Session says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoteOwner {
    pub(crate) subscription: SubscriptionId,
    pub(crate) change: NoteChange,
}

/// The response to [`NoteOwner`]. Whatever it is, the sync goes on: a note only saves a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoteResponse {
    /// It is noted.
    Written,
    /// Stripe refused it, in these words: it will again, until somebody acts.
    Refused(String),
    /// It failed; the next sync tries again.
    Failed,
}

impl ApiRequest for NoteOwner {
    type Response = NoteResponse;

    fn callout(&self, settings: &SyncSettings, idempotency_scope: &str) -> Callout {
        let stripe = StripeApi::new(&settings.stripe);
        stripe.update_subscription_metadata(&self.subscription, &self.change.pairs(), idempotency_scope)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<NoteResponse, SyncError> {
        Ok(match stripe_response("POST /v1/subscriptions/:id", outcome, |_| Ok(())) {
            // A subscription that is no more needs no note.
            Ok(_) => NoteResponse::Written,
            Err(error) if error.is_refusal() => NoteResponse::Refused(error.to_string()),
            Err(_) => NoteResponse::Failed,
        })
    }
}
