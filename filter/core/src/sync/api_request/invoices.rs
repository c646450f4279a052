//! The request for the open invoices of a subscription.

use super::{ApiRequest, stripe_response};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::SubscriptionId;
use crate::stripe::api::StripeApi;
use crate::stripe::invoice::OpenInvoices;
use crate::sync::error::SyncError;

/// A request for the open invoices of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListOpenInvoices(pub(crate) SubscriptionId);

impl ApiRequest for ListOpenInvoices {
    /// The open invoices; empty if Stripe no longer has the subscription.
    type Response = OpenInvoices;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).list_open_invoices(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<OpenInvoices, SyncError> {
        Ok(stripe_response("GET /v1/invoices", outcome, OpenInvoices::parse)?.unwrap_or_default())
    }
}
