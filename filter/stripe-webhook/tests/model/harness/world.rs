//! Stripe, Clerk, and the clock together, and how a callout reaches them.

use super::clerk::Clerk;
use super::response::FakeResponse;
use super::stripe::Stripe;
use super::stripe::api::StripeRequest;
use tollgate_core::http::{Callout, Request};
use tollgate_core::time::Micros;

/// The time at which every test begins.
pub(crate) const START_S: u64 = 1_800_000_000;

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) stripe: Stripe,
    pub(crate) clerk: Clerk,
    pub(crate) now: Micros,
}

impl World {
    pub(crate) fn new() -> Self {
        World {
            stripe: Stripe::new(START_S - 3_600),
            clerk: Clerk::default(),
            now: Micros::from_secs(START_S),
        }
    }

    /// Responds to a callout that arrives now.
    pub(crate) fn respond(&mut self, callout: &Callout) -> FakeResponse {
        let (method, path, headers, body) = parts(callout);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        match callout.cluster.as_str() {
            "stripe_api" => {
                let pairs = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect::<Vec<_>>();
                let key = headers.iter().find(|(name, _)| *name == "idempotency-key");
                let request = StripeRequest {
                    method,
                    path,
                    query: pairs(query.as_bytes()),
                    form: pairs(body),
                    idempotency_key: key.map(|(_, value)| value.as_str()),
                };
                self.stripe.respond(&request)
            }
            "clerk_api" => self.clerk.respond(method, path, query, body),
            other => panic!("there is no cluster {other}"),
        }
    }
}

/// Returns a callout's method, path with query, header fields, and body.
pub(crate) fn parts(callout: &Callout) -> (&'static str, &str, &[(&'static str, String)], &[u8]) {
    let Request::Http { method, path, headers, body, .. } = &callout.request else { panic!("not HTTP") };
    (method, path, headers, body)
}

/// Returns whether a callout changes anything.
pub(crate) fn changes_something(callout: &Callout) -> bool {
    parts(callout).0 != "GET"
}
