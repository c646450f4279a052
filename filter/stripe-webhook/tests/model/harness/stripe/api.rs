//! Stripe's API over its state: it responds as the real one does.

use super::wire;
use super::{FakeSubscription, Presence, Stripe};
use crate::harness::response::FakeResponse;
use percent_encoding::percent_decode_str;

/// The maximum number of keys of an object's metadata.
const METADATA_KEYS_MAX: usize = 50;

/// A request to Stripe, parsed.
pub(crate) struct StripeRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) form: Vec<(String, String)>,
    pub(crate) idempotency_key: Option<&'a str>,
}

impl StripeRequest<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn limit(&self) -> usize {
        self.get("limit").map_or(10, |limit| limit.parse().unwrap())
    }

    /// Returns what is to be expanded; each must be known, and at most four levels deep.
    fn expand(&self, known: &[&'static str]) -> Result<Vec<&'static str>, FakeResponse> {
        let paths = self.query.iter().filter(|(key, _)| key == "expand[]").map(|(_, value)| value.as_str());
        let find = |value: &str| {
            let found = known.iter().find(|known| **known == value && value.split('.').count() <= 4);
            found.copied().ok_or_else(|| error(400, "", "expand", "This property cannot be expanded"))
        };
        paths.map(find).collect()
    }
}

fn error(status: u16, code: &str, param: &str, message: &str) -> FakeResponse {
    let body = format!(
        r#"{{"error":{{"type":"invalid_request_error","code":"{code}","param":"{param}","message":"{message}"}}}}"#
    );
    FakeResponse::new(status, body)
}

fn missing(status: u16, param: &str) -> FakeResponse {
    error(status, "resource_missing", param, "No such object")
}

const OTHER_MODE: &str = "No such customer; a similar object exists in test mode, but a live mode key was used to make this request.";

impl Stripe {
    pub(crate) fn respond(&mut self, request: &StripeRequest<'_>) -> FakeResponse {
        if let Some((status, body)) = request.idempotency_key.and_then(|key| self.stored_responses.get(key)) {
            return FakeResponse::new(*status, body.clone());
        }
        let segments = request.path.trim_start_matches("/v1/").split('/');
        let segments: Vec<_> =
            segments.map(|segment| percent_decode_str(segment).decode_utf8().unwrap()).collect();
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        let response = match (request.method, segments.as_slice()) {
            ("GET", ["subscriptions"]) => self.list_subscriptions(request),
            ("GET", [kind @ ("customers" | "subscriptions"), "search"]) => Ok(self.search(kind, request)),
            ("GET", ["subscriptions", id]) => self.retrieve_subscription(id, request),
            ("POST", ["subscriptions", id]) => self.update_subscription(id, request),
            ("GET", ["subscription_items"]) => self.list_items(request),
            ("GET", ["customers", id]) => self.retrieve_customer(id),
            ("GET", ["checkout", "sessions"]) => self.list_sessions(request),
            ("GET", ["products", id]) => match self.products.get(*id) {
                Some(described) => Ok(wire::product(id, described)),
                None => Err(missing(404, "id")),
            },
            ("GET", ["invoices"]) => self.list_invoices(request),
            _ => panic!("Stripe has no {} {}", request.method, request.path),
        };
        let response = response.map_or_else(|refusal| refusal, |body| FakeResponse::new(200, body));
        if let Some(key) = request.idempotency_key {
            self.stored_responses.insert(key.to_owned(), (response.status, response.body.clone()));
        }
        response
    }

    fn list_subscriptions(&self, request: &StripeRequest<'_>) -> Result<String, FakeResponse> {
        let customer = request.get("customer");
        match customer.map(|id| self.customers.get(id).map(|customer| customer.presence)) {
            Some(None | Some(Presence::DeletedAndMissing)) => return Err(missing(400, "customer")),
            Some(Some(Presence::OtherMode)) => {
                return Err(error(400, "resource_missing", "customer", OTHER_MODE));
            }
            None | Some(Some(Presence::Present | Presence::DeletedAndListed)) => {}
        }
        let expand = request.expand(&["data.customer", "data.latest_invoice"])?;
        let expand: Vec<&str> = expand.iter().map(|path| path.trim_start_matches("data.")).collect();
        let all = request.get("status") == Some("all");
        let mut found: Vec<&FakeSubscription> = self
            .subscriptions
            .values()
            .filter(|subscription| {
                customer.is_none_or(|id| subscription.customer == id)
                    && (all || subscription.status != "canceled")
            })
            .collect();
        found.sort_by_key(|subscription| (std::cmp::Reverse(subscription.created_s), &subscription.id));
        let start = match request.get("starting_after") {
            None => 0,
            Some(after) => match found.iter().position(|subscription| subscription.id == after) {
                Some(index) => index + 1,
                None => return Err(missing(400, "starting_after")),
            },
        };
        let page: Vec<String> = found
            .iter()
            .skip(start)
            .take(request.limit())
            .map(|subscription| wire::subscription(self, subscription, &expand))
            .collect();
        Ok(wire::list(&page, found.len() > start + page.len()))
    }

    /// Searches what has one of the given values in its metadata: `metadata['key']:'value' OR …`.
    fn search(&self, kind: &str, request: &StripeRequest<'_>) -> String {
        let query = request.get("query").expect("a search has a query");
        let clauses: Vec<(&str, &str)> = query
            .split(" OR ")
            .map(|clause| clause.trim_start_matches("metadata['").trim_end_matches('\''))
            .map(|clause| clause.split_once("']:'").expect("only metadata are searched"))
            .collect();
        let fits = |metadata: &super::FakeMetadata| {
            clauses.iter().any(|(key, value)| metadata.get(*key).map(String::as_str) == Some(*value))
        };
        let found: Vec<String> = match kind {
            "customers" => {
                let fitting = self.customers.iter().filter(|(_, customer)| fits(&customer.metadata));
                fitting.map(|(id, _)| wire::customer(self, id)).collect()
            }
            _ => {
                let fitting = self.subscriptions.values().filter(|subscription| fits(&subscription.metadata));
                fitting.map(|subscription| wire::subscription(self, subscription, &[])).collect()
            }
        };
        wire::list(&found, false)
    }

    fn retrieve_subscription(&self, id: &str, request: &StripeRequest<'_>) -> Result<String, FakeResponse> {
        let expand = request.expand(&["customer", "latest_invoice", "items.data.price.product"])?;
        let found = self.subscriptions.get(id).ok_or_else(|| missing(404, "id"))?;
        match self.customers[&found.customer].presence {
            Presence::OtherMode => Err(error(404, "resource_missing", "id", OTHER_MODE)),
            _ => Ok(wire::subscription(self, found, &expand)),
        }
    }

    fn list_items(&self, request: &StripeRequest<'_>) -> Result<String, FakeResponse> {
        let subscription = request.get("subscription").expect("Stripe demands it");
        let found = self.subscriptions.get(subscription).ok_or_else(|| missing(400, "subscription"))?;
        let all = wire::items(self, found, false);
        let start = match request.get("starting_after") {
            None => 0,
            Some(after) => after.trim_start_matches("si_").parse::<usize>().unwrap() + 1,
        };
        let page: Vec<String> = all.iter().skip(start).take(request.limit()).cloned().collect();
        Ok(wire::list(&page, all.len() > start + page.len()))
    }

    fn update_subscription(&mut self, id: &str, request: &StripeRequest<'_>) -> Result<String, FakeResponse> {
        if !self.subscriptions.contains_key(id) {
            return Err(missing(404, "id"));
        }
        let mut metadata = self.subscriptions[id].metadata.clone();
        metadata.extend(metadata_pairs(request));
        metadata.retain(|_, value| !value.is_empty());
        if metadata.len() > METADATA_KEYS_MAX {
            return Err(error(400, "", "metadata", "Metadata can have up to 50 keys"));
        }
        self.change_subscription(id, |subscription| subscription.metadata = metadata);
        Ok(wire::subscription(self, &self.subscriptions[id], &[]))
    }

    fn retrieve_customer(&self, id: &str) -> Result<String, FakeResponse> {
        match self.customers.get(id).map(|customer| customer.presence) {
            None => Err(missing(404, "id")),
            Some(Presence::OtherMode) => Err(error(404, "resource_missing", "id", OTHER_MODE)),
            Some(_) => Ok(wire::customer(self, id)),
        }
    }

    fn list_sessions(&self, request: &StripeRequest<'_>) -> Result<String, FakeResponse> {
        let subscription = request.get("subscription").expect("all lists here are of a subscription");
        let mut found: Vec<_> =
            self.sessions.iter().filter(|session| session.subscription == subscription).collect();
        found.sort_by_key(|session| std::cmp::Reverse(session.created_s));
        let page: Vec<String> =
            found.iter().take(request.limit()).map(|session| wire::session(session)).collect();
        Ok(wire::list(&page, found.len() > page.len()))
    }

    fn list_invoices(&self, request: &StripeRequest<'_>) -> Result<String, FakeResponse> {
        let subscription = request.get("subscription").expect("all lists here are of a subscription");
        let status = request.get("status").expect("all lists here are of a status");
        let found: Vec<String> = self
            .invoices
            .iter()
            .filter(|invoice| invoice.subscription == subscription && invoice.status == status)
            .map(|invoice| wire::invoice(self, invoice))
            .collect();
        Ok(wire::list(&found, false))
    }
}

fn metadata_pairs(request: &StripeRequest<'_>) -> Vec<(String, String)> {
    let key = |name: &str| {
        name.strip_prefix("metadata[").and_then(|name| name.strip_suffix(']')).map(str::to_owned)
    };
    let pairs = request.form.iter();
    pairs.map(|(name, value)| (key(name).expect("only metadata is ever set"), value.clone())).collect()
}
