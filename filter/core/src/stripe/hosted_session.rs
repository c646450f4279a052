//! Sessions of pages that Stripe hosts: Checkout Sessions as their buyer sees them, and sessions of the
//! customer portal.

use super::object::{Metadata, UnreadableError};
use super::wire::{self, Object};
use crate::ids::{CheckoutSessionId, SubscriptionId};
use std::fmt;

/// The URL of a page that Stripe hosts. Anyone who has it can act as the customer, so it is never logged.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HostedUrl(String);

impl HostedUrl {
    /// Returns the URL, for the customer.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HostedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A Checkout Session as its buyer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BuyerSession {
    /// The id.
    pub(crate) id: CheckoutSessionId,
    /// Whether the buyer can still pay.
    pub(crate) is_open: bool,
    /// Whether it sells a subscription.
    pub(crate) sells_subscription: bool,
    /// The metadata.
    pub(crate) metadata: Metadata,
    /// The page; a session that is not open has none.
    pub(crate) url: Option<HostedUrl>,
    /// The time at which the session expires, in seconds since the Unix epoch.
    pub(crate) expires_at_s: u64,
    /// The subscription that was bought.
    pub(crate) subscription: Option<SubscriptionId>,
}

impl BuyerSession {
    /// Parses a session.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a Checkout Session.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        Self::read(Object::from_value(&wire::value(body)?)?)
    }

    /// Parses a page of a customer's sessions, newest first.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a list of Checkout Sessions.
    pub(crate) fn parse_list(body: &[u8]) -> Result<Vec<Self>, UnreadableError> {
        wire::parse_page(body, Self::read)
    }

    fn read(object: Object<'_>) -> Result<Self, UnreadableError> {
        Ok(BuyerSession {
            id: CheckoutSessionId::parse(object.needed_text("id")?).map_err(|_| UnreadableError("id"))?,
            is_open: object.text("status")? == Some("open"),
            sells_subscription: object.text("mode")? == Some("subscription"),
            metadata: object.metadata()?,
            url: object.owned_text("url")?.map(HostedUrl),
            expires_at_s: object.needed_number("expires_at")?,
            subscription: object.id_of("subscription")?.and_then(|id| SubscriptionId::parse(id).ok()),
        })
    }
}

/// Parses the URL of a session of the customer portal.
///
/// # Errors
/// [`UnreadableError`] if the body is not such a session.
pub(crate) fn portal_url(body: &[u8]) -> Result<HostedUrl, UnreadableError> {
    let url = Object::from_value(&wire::value(body)?)?.needed_text("url")?.to_owned();
    Ok(HostedUrl(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_never_shows_its_url() {
        let body = br#"{"id": "cs_1", "status": "open", "mode": "subscription", "metadata": {"a": "b"},
            "url": "https://checkout.stripe.com/c/pay/cs_1#secret", "expires_at": 9}"#;
        let session = BuyerSession::parse(body).unwrap();
        assert!(session.is_open && session.sells_subscription);
        assert!(!format!("{session:?}").contains("secret"), "{session:?}");
        assert!(session.url.unwrap().expose().ends_with("secret"));
        assert_eq!(format!("{:?}", portal_url(br#"{"url": "https://billing"}"#).unwrap()), "***");
    }

    #[test]
    fn what_is_no_session_is_an_error() {
        for body in [&b"{}"[..], br#"{"id": "in_1", "expires_at": 1}"#, b"<html>"] {
            assert!(BuyerSession::parse(body).is_err(), "{}", body.escape_ascii());
        }
        assert!(BuyerSession::parse_list(br#"{"data": [{}]}"#).is_err());
        assert!(portal_url(b"{}").is_err());
    }
}
