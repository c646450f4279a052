//! The request for a product.

use super::{ApiRequest, stripe_response};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::ProductId;
use crate::stripe::api::StripeApi;
use crate::stripe::object::Metadata;
use crate::stripe::product::Product;
use crate::sync::error::SyncError;

/// A request for a product's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RetrieveProduct(pub(crate) ProductId);

impl ApiRequest for RetrieveProduct {
    /// The metadata; `None` if Stripe no longer has the product, or if it cannot be parsed.
    type Response = Option<Metadata>;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).retrieve_product(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<Option<Metadata>, SyncError> {
        Ok(stripe_response("GET /v1/products/:id", outcome, Product::parse_metadata)?.flatten())
    }
}
