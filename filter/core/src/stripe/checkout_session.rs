//! The checkout sessions that made a subscription, as far as they say for whom.

use super::object::{Metadata, Unreadable};
use super::wire::{self, Object};
use crate::ids::{CustomerId, SubscriptionId};

/// A checkout session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutSession {
    /// Its id: `cs_…`. For people; it enters no path.
    pub id: String,
    /// Its metadata, written by the server that made the session. Stripe does not copy it to the subscription.
    pub metadata: Metadata,
    /// On a payment link the payer chooses it; in a session that a server made, the server does.
    pub client_reference_id: Option<String>,
    /// Who paid.
    pub customer: Option<CustomerId>,
    /// What was bought.
    pub subscription: Option<SubscriptionId>,
    /// When it was made, in seconds since the Unix epoch.
    pub created_s: u64,
}

impl CheckoutSession {
    /// Reads the answer to [`list_checkout_sessions`](super::api::StripeApi::list_checkout_sessions), oldest first:
    /// the session that made a subscription comes before any later one that Stripe may connect with it.
    ///
    /// # Errors
    /// [`Unreadable`] if it is no list of checkout sessions.
    pub fn parse_list(body: &[u8]) -> Result<Vec<Self>, Unreadable> {
        let mut sessions: Vec<CheckoutSession> = Vec::new();
        for object in Object::of(&wire::value(body)?)?.page()? {
            let session = Self::read(Object::of(object)?)?;
            let place = sessions.partition_point(|other| other.age() <= session.age());
            sessions.insert(place, session);
        }
        Ok(sessions)
    }

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
        let sessions = CheckoutSession::parse_list(body).unwrap();
        assert_eq!(sessions.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["cs_1", "cs_2"]);
        assert_eq!(sessions[0].metadata.get("clerk_user_id"), Some("user_1"));
        assert_eq!(sessions[1].client_reference_id.as_deref(), Some("user_2"));
        assert_eq!(sessions[1].customer, CustomerId::parse("cus_1").ok());
        assert_eq!(sessions[1].subscription, SubscriptionId::parse("sub_1").ok());
    }

    #[test]
    fn no_session_is_an_empty_list_and_garbage_is_an_error() {
        assert_eq!(CheckoutSession::parse_list(br#"{"data": []}"#).unwrap(), []);
        for body in [&b"[]"[..], b"<html>", br#"{"data": [{"created": 1}]}"#] {
            assert!(CheckoutSession::parse_list(body).is_err(), "{}", body.escape_ascii());
        }
    }
}
