//! Requests to Stripe's API, as callouts. Their responses are read in [`outcome`](super::outcome).

use super::write::{IdempotencyKey, Parameters};
use crate::http::{Callout, Request};
use crate::ids::{CustomerId, ProductId, SubscriptionId, SubscriptionItemId};
use crate::upstream::{USER_AGENT, Upstream};
use form_urlencoded::Serializer;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The API version of all requests, which overrides the account's default.
pub const STRIPE_VERSION: &str = "2026-10-28.endive";

/// The page size to request: Stripe's maximum.
pub(super) const PAGE: &str = "100";
/// The maximum number of sessions to request. A subscription is created by one Checkout Session, so few are
/// enough.
const SESSIONS: &str = "10";

/// The kind of objects to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Searched {
    /// Customers.
    Customers,
    /// Subscriptions.
    Subscriptions,
}

impl Searched {
    /// Returns the endpoint, as Stripe's API reference names it.
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
    /// Creates the API at this upstream.
    pub fn new(upstream: &'a Upstream) -> Self {
        StripeApi { upstream }
    }

    /// Returns the request for a page of a customer's subscriptions, including ended ones, newest first.
    /// Customers and latest invoices are expanded; products are not, because they are one level deeper than
    /// Stripe expands in a list.
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

    /// Returns the request for a page of the account's subscriptions, including ended ones, newest first,
    /// with expanded customers.
    pub fn list_all_subscriptions(self, after: Option<&SubscriptionId>) -> Callout {
        let mut query = vec![("status", "all"), ("limit", PAGE), ("expand[]", "data.customer")];
        query.extend(after.map(|id| ("starting_after", id.as_str())));
        self.get("/v1/subscriptions", &query)
    }

    /// Returns the request for a page of the customers or subscriptions that match a query
    /// (<https://docs.stripe.com/search>). Changes within the last minute may be missing.
    pub fn search(self, what: Searched, query: &str, page: Option<&str>) -> Callout {
        let mut parameters = vec![("query", query), ("limit", PAGE)];
        parameters.extend(page.map(|page| ("page", page)));
        let path = match what {
            Searched::Customers => "/v1/customers/search",
            Searched::Subscriptions => "/v1/subscriptions/search",
        };
        self.get(path, &parameters)
    }

    /// Returns the request for a subscription, with its customer, latest invoice, and products expanded.
    pub fn retrieve_subscription(self, id: &SubscriptionId) -> Callout {
        let query = [
            ("expand[]", "customer"),
            ("expand[]", "latest_invoice"),
            ("expand[]", "items.data.price.product"),
        ];
        self.get(&object_path("subscriptions", id.as_str()), &query)
    }

    /// Returns the request for a page of a subscription's items; the subscription itself contains at most
    /// ten.
    pub fn list_subscription_items(
        self,
        subscription: &SubscriptionId,
        after: Option<&SubscriptionItemId>,
    ) -> Callout {
        let mut query = vec![("subscription", subscription.as_str()), ("limit", PAGE)];
        query.extend(after.map(|id| ("starting_after", id.as_str())));
        self.get("/v1/subscription_items", &query)
    }

    /// Returns the request for a customer.
    pub fn retrieve_customer(self, id: &CustomerId) -> Callout {
        self.get(&object_path("customers", id.as_str()), &[])
    }

    /// Returns the request for the Checkout Sessions that created a subscription.
    pub fn list_checkout_sessions(self, subscription: &SubscriptionId) -> Callout {
        self.get("/v1/checkout/sessions", &[("subscription", subscription.as_str()), ("limit", SESSIONS)])
    }

    /// Returns the request for a product.
    pub fn retrieve_product(self, id: &ProductId) -> Callout {
        self.get(&object_path("products", id.as_str()), &[])
    }

    /// Returns the request for the open invoices of a subscription.
    pub fn list_open_invoices(self, subscription: &SubscriptionId) -> Callout {
        let query = [("subscription", subscription.as_str()), ("status", "open"), ("limit", PAGE)];
        self.get("/v1/invoices", &query)
    }

    /// Returns the request that sets keys of a subscription's metadata and removes those with an empty value.
    /// Other keys are unchanged.
    ///
    /// `idempotency_scope` identifies the cause, such as the event's id. Together with the request it
    /// determines the idempotency key: within a day, Stripe replays its response to a known key
    /// (<https://docs.stripe.com/api/idempotent_requests>).
    pub fn update_subscription_metadata(
        self,
        id: &SubscriptionId,
        metadata: &[(&str, &str)],
        idempotency_scope: &str,
    ) -> Callout {
        let path = object_path("subscriptions", id.as_str());
        let pairs = metadata.iter().map(|(key, value)| (format!("metadata[{key}]"), *value));
        let form = pairs.fold(Parameters::default(), |form, (name, value)| form.with(name, value));
        let key = IdempotencyKey::new(&[idempotency_scope, &path, &form.encode()]);
        self.post(&path, &form, Some(&key))
    }

    pub(super) fn get(self, path: &str, query: &[(&str, &str)]) -> Callout {
        let query = Serializer::new(String::new()).extend_pairs(query).finish();
        let separator = if query.is_empty() { "" } else { "?" };
        self.callout("GET", &format!("{path}{separator}{query}"), Vec::new(), Vec::new())
    }

    /// Returns a request for a path below the upstream's base path.
    pub(super) fn callout(
        self,
        method: &'static str,
        path: &str,
        mut headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Callout {
        headers.push(("stripe-version", STRIPE_VERSION.to_owned()));
        headers.push(("user-agent", USER_AGENT.to_owned()));
        if let Some(key) = &self.upstream.authorization {
            headers.push(("authorization", format!("Bearer {}", key.expose())));
        }
        let authority = self.upstream.authority.clone();
        let path = [&self.upstream.base_path, path].concat();
        Callout {
            cluster: self.upstream.cluster.clone(),
            timeout: self.upstream.timeout,
            request: Request::Http { method, authority, path, headers, body },
        }
    }
}

/// The characters of an id that are escaped in a path: all except the unreserved ones (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the path of an object. Merchants may choose ids, so reserved characters are escaped here, and only
/// here.
pub(super) fn object_path(collection: &str, id: &str) -> String {
    format!("/v1/{collection}/{}", utf8_percent_encode(id, ESCAPED))
}

#[cfg(test)]
mod tests;
