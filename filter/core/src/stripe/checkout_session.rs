//! Checkout Sessions that created a subscription, with the members that identify its owner.

use super::object::{Metadata, UnreadableError};
use super::wire::{self, Object};
use crate::ids::{CustomerId, SubscriptionId};

/// A Checkout Session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutSession {
    /// The session's id, `cs_…`. It is never used in a path.
    pub(crate) id: String,
    /// The session's metadata, set by the server that created the session. Stripe does not copy it to the
    /// subscription.
    pub(crate) metadata: Metadata,
    /// The reference, which the payer chooses on a payment link, and the server in a session that it creates.
    pub(crate) client_reference_id: Option<String>,
    /// The paying customer.
    pub(crate) customer: Option<CustomerId>,
    /// The subscription that was bought.
    pub(crate) subscription: Option<SubscriptionId>,
    /// The creation time, in seconds since the Unix epoch.
    pub(crate) created_s: u64,
}

/// The Checkout Sessions of one subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionList {
    /// The sessions that can be parsed, oldest first: the session that created the subscription precedes any
    /// later one that Stripe links to it.
    pub sessions: Vec<CheckoutSession>,
    /// Whether a session cannot be parsed.
    pub unreadable: bool,
}

impl SessionList {
    /// Parses the response to [`list_checkout_sessions`](super::api::StripeApi::list_checkout_sessions).
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a list.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        let mut list = SessionList::default();
        for object in Object::from_value(&wire::value(body)?)?.page()? {
            match Object::from_value(object).and_then(CheckoutSession::read) {
                Ok(session) => {
                    let index = list.sessions.partition_point(|other| other.age() <= session.age());
                    list.sessions.insert(index, session);
                }
                Err(_) => list.unreadable = true,
            }
        }
        Ok(list)
    }
}

impl CheckoutSession {
    fn read(object: Object<'_>) -> Result<Self, UnreadableError> {
        Ok(CheckoutSession {
            id: object.needed_text("id")?.to_owned(),
            metadata: object.metadata()?,
            client_reference_id: object.owned_text("client_reference_id")?,
            customer: object.id_of("customer")?.and_then(|id| CustomerId::parse(id).ok()),
            subscription: object.id_of("subscription")?.and_then(|id| SubscriptionId::parse(id).ok()),
            created_s: object.number("created")?.unwrap_or_default(),
        })
    }

    /// Returns the sort key.
    fn age(&self) -> (u64, &str) {
        (self.created_s, &self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_read_oldest_first() {
        let body = br#"{"object": "list", "has_more": false, "data": [
            {"id": "cs_2", "created": 20, "client_reference_id": "user_2", "customer": {"id": "cus_1"},
             "subscription": "sub_1", "metadata": {}},
            {"id": "cs_1", "created": 10, "client_reference_id": null, "customer": null, "subscription": "sub_1",
             "metadata": {"clerk_user_id": "user_1"}}]}"#;
        let sessions = SessionList::parse(body).unwrap().sessions;
        assert_eq!(sessions.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["cs_1", "cs_2"]);
        assert_eq!(sessions[0].metadata.get("clerk_user_id"), Some("user_1"));
        assert_eq!(sessions[1].client_reference_id.as_deref(), Some("user_2"));
        assert_eq!(sessions[1].customer, CustomerId::parse("cus_1").ok());
        assert_eq!(sessions[1].subscription, SubscriptionId::parse("sub_1").ok());
    }

    #[test]
    fn no_session_is_an_empty_list_and_garbage_is_an_error() {
        assert_eq!(SessionList::parse(br#"{"data": []}"#).unwrap(), SessionList::default());
        for body in [&b"[]"[..], b"<html>", b"{}"] {
            assert!(SessionList::parse(body).is_err(), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn an_unreadable_session_is_reported_and_the_others_are_read() {
        for odd in [r#"{"created": 1}"#, "null", r#"{"id": "cs_2", "metadata": 7}"#] {
            let body = format!(r#"{{"data": [{odd}, {{"id": "cs_1", "metadata": {{}}}}]}}"#);
            let list = SessionList::parse(body.as_bytes()).unwrap();
            assert_eq!((list.sessions.len(), list.unreadable), (1, true), "{odd}");
        }
    }
}
