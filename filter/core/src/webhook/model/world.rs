//! Stripe, Clerk and the clock together, and how a callout reaches them.

use super::answer::FakeAnswer;
use super::clerk::Clerk;
use super::stripe::Stripe;
use super::stripe_api::AskedOf;
use crate::http::{Callout, HeaderMap, Outcome, Request};
use crate::time::Micros;

/// The time at which every test begins.
pub(super) const START_S: u64 = 1_800_000_000;

/// How a callout ends.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    Answered(FakeAnswer),
    TimedOut,
    Reset,
}

impl Ending {
    pub(super) fn with_outcome<T>(&self, take: impl FnOnce(Outcome<'_>) -> T) -> T {
        let headers = HeaderMap::default();
        match self {
            Ending::Answered(FakeAnswer { status, body }) => {
                take(Outcome::Answered { status: *status, headers: &headers, body: body.as_bytes() })
            }
            Ending::TimedOut => take(Outcome::TimedOut),
            Ending::Reset => take(Outcome::Reset),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct ModelWorld {
    pub(super) stripe: Stripe,
    pub(super) clerk: Clerk,
    pub(super) now: Micros,
}

impl ModelWorld {
    pub(super) fn new() -> Self {
        ModelWorld {
            stripe: Stripe::new(START_S - 3_600),
            clerk: Clerk::default(),
            now: Micros::from_secs(START_S),
        }
    }

    /// What becomes of a callout that arrives now.
    pub(super) fn answer(&mut self, callout: &Callout) -> FakeAnswer {
        let (method, path, headers, body) = parts(callout);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        match callout.cluster.as_str() {
            "stripe_api" => {
                let pairs = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect::<Vec<_>>();
                let key = headers.iter().find(|(name, _)| *name == "idempotency-key");
                let asked = AskedOf {
                    method,
                    path,
                    query: pairs(query.as_bytes()),
                    form: pairs(body),
                    idempotency_key: key.map(|(_, value)| value.as_str()),
                };
                self.stripe.answer(&asked)
            }
            "clerk_api" => self.clerk.answer(method, path, query, body),
            other => panic!("there is no cluster {other}"),
        }
    }
}

/// Method, path with query, header fields and body.
pub(super) fn parts(callout: &Callout) -> (&'static str, &str, &[(&'static str, String)], &[u8]) {
    let Request::Http { method, path, headers, body, .. } = &callout.request else { panic!("not HTTP") };
    (method, path, headers, body)
}

/// Whether it is to change anything.
pub(super) fn changes_something(callout: &Callout) -> bool {
    parts(callout).0 != "GET"
}
