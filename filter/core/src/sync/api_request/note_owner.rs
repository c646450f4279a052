//! The request that stores a subscription's owner, as its Checkout Session names it, in the metadata.

use super::{ApiRequest, stripe_response};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::SubscriptionId;
use crate::stripe::api::StripeApi;
use crate::sync::error::SyncError;
use crate::sync::ownership::NoteChange;

/// A request to store the owner that the Checkout Session names in the subscription's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoteOwner {
    pub(crate) subscription: SubscriptionId,
    pub(crate) change: NoteChange,
}

/// The response to [`NoteOwner`]. The sync continues with any of them, because a note only saves a later
/// request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoteResponse {
    /// The note is stored.
    Written,
    /// Stripe refused the request with this message, and will keep refusing it until an operator acts.
    Refused(String),
    /// The request failed; the next sync retries it.
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
            // A subscription that Stripe no longer has needs no note.
            Ok(_) => NoteResponse::Written,
            Err(error) if error.is_refusal() => NoteResponse::Refused(error.to_string()),
            Err(_) => NoteResponse::Failed,
        })
    }
}
