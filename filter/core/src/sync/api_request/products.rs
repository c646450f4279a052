//! The request for a product.

use super::{ApiRequest, stripe_response};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::ProductId;
use crate::stripe::api::StripeApi;
use crate::stripe::object::Metadata;
use crate::stripe::product::Product;
use crate::sync::error::SyncError;

/// Retrieves a product, for its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RetrieveProduct(pub(crate) ProductId);

impl ApiRequest for RetrieveProduct {
    /// Its metadata; `None` if Stripe does not have it any more, or shows it so that it cannot be read.
    type Response = Option<Metadata>;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).retrieve_product(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<Option<Metadata>, SyncError> {
        Ok(stripe_response("GET /v1/products/:id", outcome, Product::parse_metadata)?.flatten())
    }
}
