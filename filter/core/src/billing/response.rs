//! Successful responses of the endpoints.

use crate::http::Reply;
use crate::quota::calendar;
use crate::time::Micros;
use serde::Serialize;

/// The time for which a browser or a proxy may use a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caching {
    /// Not at all, because the response is about one subject.
    NoStore,
    /// For a minute, because the response is the same for every client.
    PublicMinute,
}

/// The body of a successful response.
#[derive(Debug)]
pub(super) struct EndpointResponse {
    body: Vec<u8>,
    caching: Caching,
}

impl EndpointResponse {
    /// Creates a response that is about one subject.
    pub(super) fn json(body: &impl Serialize) -> Self {
        EndpointResponse::with_caching(body, Caching::NoStore)
    }

    /// Creates a response that is the same for every client.
    pub(super) fn public(body: &impl Serialize) -> Self {
        EndpointResponse::with_caching(body, Caching::PublicMinute)
    }

    fn with_caching(body: &impl Serialize, caching: Caching) -> Self {
        // Serializing plain structs with string keys never fails.
        EndpointResponse { body: serde_json::to_vec(body).unwrap_or_default(), caching }
    }

    /// Returns the HTTP response. Envoy's access log shows `details`.
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

/// Returns the time, given in Unix seconds, in the format of RFC 3339.
pub(super) fn rfc3339(at_s: u64) -> String {
    calendar::rfc3339(Micros::from_secs(at_s))
}
