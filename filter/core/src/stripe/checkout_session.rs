//! The checkout sessions that made a subscription, as far as they say for whom.

use super::object::{Metadata, Unreadable};
use super::wire::{self, Object};
use crate::ids::{CustomerId, SubscriptionId};

/// A checkout session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutSession {
    /// Its id: `cs_…`. For people; it enters no path.
    pub(crate) id: String,
    /// Its metadata, written by the server that made the session. Stripe does not copy it to the
    /// subscription.
    pub(crate) metadata: Metadata,
    /// On a payment link the payer chooses it; in a session that a server made, the server does.
    pub(crate) client_reference_id: Option<String>,
    /// Who paid.
    pub(crate) customer: Option<CustomerId>,
    /// What was bought.
    pub(crate) subscription: Option<SubscriptionId>,
    /// When it was made, in seconds since the Unix epoch.
    pub(crate) created_s: u64,
}

/// The checkout sessions of one subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionList {
    /// Those that can be read, oldest first: the session that made a subscription comes before any later one
    /// that Stripe may connect with it.
    pub sessions: Vec<CheckoutSession>,
    /// A session cannot be read.
    pub unreadable: bool,
}

impl SessionList {
    /// Reads the answer to [`list_checkout_sessions`](super::api::StripeApi::list_checkout_sessions).
    ///
    /// # Errors
    /// [`Unreadable`] if it is no list.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let mut list = SessionList::default();
        for object in Object::of(&wire::value(body)?)?.page()? {
            match Object::of(object).and_then(CheckoutSession::read) {
                Ok(session) => {
                    let place = list.sessions.partition_point(|other| other.age() <= session.age());
                    list.sessions.insert(place, session);
                }
                Err(_) => list.unreadable = true,
            }
        }
        Ok(list)
    }
}

impl CheckoutSession {
    fn read(object: Object<'_>) -> Result<Self, Unreadable> {
        Ok(CheckoutSession {
            id: object.needed_text("id")?.to_owned(),
            metadata: object.metadata()?,
            client_reference_id: object.owned_text("client_reference_id")?,
            customer: object.id_of("customer")?.and_then(|id| CustomerId::parse(id).ok()),
            subscription: object.id_of("subscription")?.and_then(|id| SubscriptionId::parse(id).ok()),
            created_s: object.number("created")?.unwrap_or_default(),
        })
    }

    /// What sessions are put in order by.
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
    fn a_session_that_cannot_be_read_is_noted_and_the_others_are_taken() {
        for odd in [r#"{"created": 1}"#, "null", r#"{"id": "cs_2", "metadata": 7}"#] {
            let body = format!(r#"{{"data": [{odd}, {{"id": "cs_1", "metadata": {{}}}}]}}"#);
            let list = SessionList::parse(body.as_bytes()).unwrap();
            assert_eq!((list.sessions.len(), list.unreadable), (1, true), "{odd}");
        }
    }
}
