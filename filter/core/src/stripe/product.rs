//! A product, as far as its metadata may name a plan.

use super::object::{Metadata, Unreadable};
use super::wire::{self, Object};

/// A product that was read: `GET /v1/products/{id}`, or expanded in a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// Its id. Usually `prod_…`, but whoever sells may have chosen it.
    pub id: String,
    /// Its metadata; empty if it was deleted.
    pub(crate) metadata: Metadata,
    /// Stripe keeps the id of a deleted product, and nothing else.
    pub(crate) deleted: bool,
}

impl Product {
    /// Reads the answer to [`retrieve_product`](super::api::StripeApi::retrieve_product).
    ///
    /// # Errors
    /// [`Unreadable`] if it is no product.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        Self::read(Object::of(&wire::value(body)?)?)
    }

    /// Reads that answer for the product's metadata; `None` if it was deleted, or is not as Stripe's API
    /// describes it.
    ///
    /// # Errors
    /// [`Unreadable`] if it is no JSON object.
    pub(crate) fn parse_metadata(body: &[u8]) -> Result<Option<Metadata>, Unreadable> {
        let body = wire::value(body)?;
        let product = Self::read(Object::of(&body)?).ok().filter(|product| !product.deleted);
        Ok(product.map(|product| product.metadata))
    }

    pub(super) fn read(object: Object<'_>) -> Result<Self, Unreadable> {
        Ok(Product {
            id: object.needed_text("id")?.to_owned(),
            metadata: object.metadata()?,
            deleted: object.is_set("deleted")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_that_cannot_be_read_are_unknown() {
        let metadata = |body: &str| Product::parse_metadata(body.as_bytes());
        let found = metadata(r#"{"id": "prod_1", "metadata": {"plan": "pro"}}"#).unwrap().unwrap();
        assert_eq!(found.get("plan"), Some("pro"));
        for body in [r#"{"id": "prod_1", "deleted": true}"#, r#"{"id": "prod_1", "metadata": 7}"#, "{}"] {
            assert_eq!(metadata(body), Ok(None), "{body}");
        }
        assert!(metadata("<html>").is_err());
    }

    #[test]
    fn a_product_is_read_by_id_and_metadata() {
        let product =
            Product::parse(br#"{"id": "prod_1", "name": "Pro", "metadata": {"plan": "pro"}}"#).unwrap();
        assert_eq!((product.id.as_str(), product.metadata.get("plan")), ("prod_1", Some("pro")));
        assert!(!product.deleted);
        assert!(Product::parse(br#"{"id": "prod_1", "deleted": true}"#).unwrap().deleted);
        assert!(Product::parse(br#"{"metadata": {"plan": "pro"}}"#).is_err(), "no id");
    }
}
