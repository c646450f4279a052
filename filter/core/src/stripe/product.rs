//! A product, with the metadata that may name a plan.

use super::object::{Metadata, UnreadableError};
use super::wire::{self, Object};

/// A product, from `GET /v1/products/{id}` or expanded in a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// The product's id. Usually `prod_…`, but the merchant may choose it.
    pub id: String,
    /// The product's metadata; empty if it was deleted.
    pub(crate) metadata: Metadata,
    /// Whether the product was deleted. Stripe then returns only its id.
    pub(crate) deleted: bool,
    /// Whether the product was archived, so that it is no longer sold.
    pub(crate) archived: bool,
}

impl Product {
    /// Parses the response to [`retrieve_product`](super::api::StripeApi::retrieve_product).
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a product.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        Self::read(Object::from_value(&wire::value(body)?)?)
    }

    /// Parses the same response for the product's metadata; `None` if the product was deleted or does not
    /// match Stripe's API reference.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a JSON object.
    pub(crate) fn parse_metadata(body: &[u8]) -> Result<Option<Metadata>, UnreadableError> {
        let body = wire::value(body)?;
        let product = Self::read(Object::from_value(&body)?).ok().filter(|product| !product.deleted);
        Ok(product.map(|product| product.metadata))
    }

    pub(super) fn read(object: Object<'_>) -> Result<Self, UnreadableError> {
        Ok(Product {
            id: object.needed_text("id")?.to_owned(),
            metadata: object.metadata()?,
            deleted: object.is_set("deleted")?,
            archived: object.member("active").and_then(|active| active.as_bool()) == Some(false),
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
