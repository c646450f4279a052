//! A customer, with the metadata that may identify the owner of its subscriptions.

use super::object::{Metadata, UnreadableError};
use super::wire::{self, Object};
use crate::ids::CustomerId;

/// A customer, from `GET /v1/customers/{id}` or expanded in a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The customer's id.
    pub(crate) id: CustomerId,
    /// The customer's metadata; empty if it was deleted.
    pub(crate) metadata: Metadata,
    /// Whether the customer was deleted. Stripe then returns only its id.
    pub deleted: bool,
}

impl Customer {
    /// Parses the response to [`retrieve_customer`](super::api::StripeApi::retrieve_customer).
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a customer.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        Self::read(Object::from_value(&wire::value(body)?)?)
    }

    pub(super) fn read(object: Object<'_>) -> Result<Self, UnreadableError> {
        // The id does not show the type, because merchants may choose it.
        if object.text("object")?.is_some_and(|kind| kind != "customer") {
            return Err(UnreadableError("object"));
        }
        Ok(Customer {
            id: CustomerId::parse(object.needed_text("id")?).map_err(|_| UnreadableError("id"))?,
            metadata: object.metadata()?,
            deleted: object.is_set("deleted")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_has_metadata_until_it_is_deleted() {
        let present =
            Customer::parse(br#"{"id": "cus_1", "object": "customer", "metadata": {"a": "b"}}"#).unwrap();
        assert_eq!((present.metadata.get("a"), present.deleted), (Some("b"), false));
        let gone = Customer::parse(br#"{"id": "cus_1", "object": "customer", "deleted": true}"#).unwrap();
        assert!(gone.deleted && gone.metadata.is_empty());
    }

    #[test]
    fn an_invalid_customer_is_refused() {
        for body in [
            &b"{}"[..],
            b"[]",
            b"",
            br#"{"id": "sub_1", "object": "subscription"}"#,
            br#"{"id": "cus_1/../x"}"#,
        ] {
            assert!(Customer::parse(body).is_err(), "{}", body.escape_ascii());
        }
    }
}
