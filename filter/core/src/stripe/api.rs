//! The requests that Tollgate makes of Stripe's API, as callouts. Judges no answer: that is
//! [`outcome`](super::outcome)'s.

use crate::http::{Callout, Request};
use crate::ids::{CustomerId, ProductId, SubscriptionId, SubscriptionItemId};
use crate::upstream::{USER_AGENT, Upstream};
use form_urlencoded::Serializer;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// The version of Stripe's API that everything here is written for, whatever the account's default may be.
pub const STRIPE_VERSION: &str = "2026-10-28.endive";

/// The most objects that one page is asked to hold: Stripe's maximum.
const PAGE: &str = "100";
/// A subscription comes from one checkout session; more than a few mean nothing.
const SESSIONS: &str = "10";

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Searched {
    /// Customers.
    Customers,
    /// Subscriptions.
    Subscriptions,
}

impl Searched {
    /// The endpoint, as Stripe's reference names it.
    pub(crate) fn endpoint(self) -> &'static str {
        match self {
            Searched::Customers => "GET /v1/customers/search",
            Searched::Subscriptions => "GET /v1/subscriptions/search",
        }
    }
}

/// Stripe's API.
#[derive(Clone, Copy, Debug)]
pub struct StripeApi<'a> {
    upstream: &'a Upstream,
}

impl<'a> StripeApi<'a> {
    /// Stripe's API at that place.
    pub fn new(upstream: &'a Upstream) -> Self {
        StripeApi { upstream }
    }

    /// A page of a customer's subscriptions, ended ones too, newest first. Each with its customer and its
    /// last invoice; not with its products, which would be a level deeper than Stripe expands in a list.
    pub fn list_subscriptions(self, customer: &CustomerId, after: Option<&SubscriptionId>) -> Callout {
        let mut query = vec![
            ("customer", customer.as_str()),
            ("status", "all"),
            ("limit", PAGE),
            ("expand[]", "data.customer"),
            ("expand[]", "data.latest_invoice"),
        ];
        query.extend(after.map(|id| ("starting_after", id.as_str())));
        self.get("/v1/subscriptions", &query)
    }

    /// A page of the account's subscriptions, ended ones too, newest first. Each with its customer.
    pub fn list_all_subscriptions(self, after: Option<&SubscriptionId>) -> Callout {
        let mut query = vec![("status", "all"), ("limit", PAGE), ("expand[]", "data.customer")];
        query.extend(after.map(|id| ("starting_after", id.as_str())));
        self.get("/v1/subscriptions", &query)
    }

    /// A page of the customers or subscriptions that match a query (<https://docs.stripe.com/search>). What
    /// was changed within the last minute may be missing.
    pub fn search(self, what: Searched, query: &str, page: Option<&str>) -> Callout {
        let mut parameters = vec![("query", query), ("limit", PAGE)];
        parameters.extend(page.map(|page| ("page", page)));
        let path = match what {
            Searched::Customers => "/v1/customers/search",
            Searched::Subscriptions => "/v1/subscriptions/search",
        };
        self.get(path, &parameters)
    }

    /// One subscription, with its customer, its last invoice and its products.
    pub fn retrieve_subscription(self, id: &SubscriptionId) -> Callout {
        let query = [
            ("expand[]", "customer"),
            ("expand[]", "latest_invoice"),
            ("expand[]", "items.data.price.product"),
        ];
        self.get(&object_path("subscriptions", id.as_str()), &query)
    }

    /// A page of a subscription's items: a subscription shows ten at most.
    pub fn list_subscription_items(
        self,
        subscription: &SubscriptionId,
        after: Option<&SubscriptionItemId>,
    ) -> Callout {
        let mut query = vec![("subscription", subscription.as_str()), ("limit", PAGE)];
        query.extend(after.map(|id| ("starting_after", id.as_str())));
        self.get("/v1/subscription_items", &query)
    }

    /// One customer.
    pub fn retrieve_customer(self, id: &CustomerId) -> Callout {
        self.get(&object_path("customers", id.as_str()), &[])
    }

    /// The checkout sessions that a subscription comes from.
    pub fn list_checkout_sessions(self, subscription: &SubscriptionId) -> Callout {
        self.get("/v1/checkout/sessions", &[("subscription", subscription.as_str()), ("limit", SESSIONS)])
    }

    /// One product, for its metadata.
    pub fn retrieve_product(self, id: &ProductId) -> Callout {
        self.get(&object_path("products", id.as_str()), &[])
    }

    /// What is owed for a subscription.
    pub fn list_open_invoices(self, subscription: &SubscriptionId) -> Callout {
        let query = [("subscription", subscription.as_str()), ("status", "open"), ("limit", PAGE)];
        self.get("/v1/invoices", &query)
    }

    /// Sets keys of a subscription's metadata, and removes those with an empty value; the others stay as they
    /// are.
    ///
    /// `occasion` is why it is done: the event's id, or anything else that differs from one intent to the
    /// next. With what is sent it makes the idempotency key: within a day Stripe only repeats its answer to a
    /// key that it knows.
    pub fn update_subscription_metadata(
        self,
        id: &SubscriptionId,
        metadata: &[(&str, &str)],
        occasion: &str,
    ) -> Callout {
        self.post_metadata(&object_path("subscriptions", id.as_str()), metadata, occasion)
    }

    fn get(self, path: &str, query: &[(&str, &str)]) -> Callout {
        let query = encode(query.iter().copied());
        let separator = if query.is_empty() { "" } else { "?" };
        self.callout(
            "GET",
            format!("{}{path}{separator}{query}", self.upstream.base_path),
            Vec::new(),
            Vec::new(),
        )
    }

    fn post_metadata(self, path: &str, metadata: &[(&str, &str)], occasion: &str) -> Callout {
        let names: Vec<String> = metadata.iter().map(|(key, _)| format!("metadata[{key}]")).collect();
        let values = metadata.iter().map(|(_, value)| *value);
        let body = encode(names.iter().map(String::as_str).zip(values));
        let headers = vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("idempotency-key", idempotency_key(path, &body, occasion)),
        ];
        self.callout("POST", format!("{}{path}", self.upstream.base_path), headers, body.into_bytes())
    }

    fn callout(
        self,
        method: &'static str,
        path: String,
        mut headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Callout {
        headers.push(("stripe-version", STRIPE_VERSION.to_owned()));
        headers.push(("user-agent", USER_AGENT.to_owned()));
        if let Some(key) = &self.upstream.authorization {
            headers.push(("authorization", format!("Bearer {}", key.expose())));
        }
        let authority = self.upstream.authority.clone();
        Callout {
            cluster: self.upstream.cluster.clone(),
            timeout: self.upstream.timeout,
            request: Request::Http { method, authority, path, headers, body },
        }
    }
}

/// What of an id stands in a path as it is: the unreserved characters (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of one object. Sellers choose ids, so whatever could mean something else in a path is escaped
/// here, and only here.
fn object_path(collection: &str, id: &str) -> String {
    format!("/v1/{collection}/{}", utf8_percent_encode(id, ESCAPED))
}

fn encode<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A key with other parameters is an error of Stripe's, so the parameters are part of it.
fn idempotency_key(path: &str, body: &str, occasion: &str) -> String {
    let digest = Sha256::new().chain_update(occasion).chain_update([0]).chain_update(path).chain_update([0]);
    let digest = digest.chain_update(body).finalize();
    let mut key = String::from("tollgate-");
    for nibble in digest.iter().take(16).flat_map(|byte| [byte >> 4, byte & 0xf]) {
        key.extend(char::from_digit(u32::from(nibble), 16));
    }
    key
}

#[cfg(test)]
mod tests;
