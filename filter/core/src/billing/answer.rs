//! Successful responses of the endpoints.

use crate::http::Reply;
use crate::quota::calendar::rfc3339;
use crate::time::Micros;
use serde::Serialize;

/// How long a browser or a proxy may use a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caching {
    /// Not at all: it is about one subject.
    NoStore,
    /// A minute: it is the same for everyone.
    PublicMinute,
}

/// The body of a successful response.
#[derive(Debug)]
pub(super) struct Answer {
    body: Vec<u8>,
    caching: Caching,
}

impl Answer {
    /// Creates a response that is about one subject.
    pub(super) fn json(body: &impl Serialize) -> Self {
        Answer::with_caching(body, Caching::NoStore)
    }

    /// Creates a response that is the same for everyone.
    pub(super) fn public(body: &impl Serialize) -> Self {
        Answer::with_caching(body, Caching::PublicMinute)
    }

    fn with_caching(body: &impl Serialize, caching: Caching) -> Self {
        // Serializing plain structs with string keys has no failing case.
        Answer { body: serde_json::to_vec(body).unwrap_or_default(), caching }
    }

    /// Returns the reply. `details` is shown in Envoy's access log.
    pub(super) fn into_reply(self, details: &'static str) -> Reply {
        let caching = match self.caching {
            Caching::NoStore => "no-store",
            Caching::PublicMinute => "public, max-age=60",
        };
        let headers =
            vec![("content-type", "application/json".to_owned()), ("cache-control", caching.to_owned())];
        Reply { status: 200, headers, body: self.body, details, grpc_status: None }
    }
}

/// Returns the time as RFC 3339 writes it.
pub(super) fn time(at_s: u64) -> String {
    rfc3339(Micros::from_secs(at_s))
}
