//! A customer, as far as it says whose its subscriptions are.

use super::object::{Metadata, Unreadable};
use super::wire::{self, Object};
use crate::ids::CustomerId;

/// A customer that was read: `GET /v1/customers/{id}`, or expanded in a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub(crate) id: CustomerId,
    /// Its metadata; empty if it was deleted.
    pub(crate) metadata: Metadata,
    /// Stripe keeps the id of a deleted customer, and nothing else.
    pub deleted: bool,
}

impl Customer {
    /// Reads the answer to [`retrieve_customer`](super::api::StripeApi::retrieve_customer).
    ///
    /// # Errors
    /// [`Unreadable`] if it is no customer.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        Self::read(Object::of(&wire::value(body)?)?)
    }

    pub(super) fn read(object: Object<'_>) -> Result<Self, Unreadable> {
        // The id does not show it: sellers may choose it.
        if object.text("object")?.is_some_and(|kind| kind != "customer") {
            return Err(Unreadable("object"));
        }
        Ok(Customer {
            id: CustomerId::parse(object.needed_text("id")?).map_err(|_| Unreadable("id"))?,
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
    fn what_is_no_customer_is_refused() {
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
