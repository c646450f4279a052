//! The records of a host in memory: requests, callouts, and metrics.

use tollgate_core::http::{Callout, HeaderMap, Reply};

/// A callout that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedCallout {
    /// The host's number for it.
    pub id: u32,
    /// The request that made it; `None` for an inquiry of a filter.
    pub request_id: Option<u32>,
    /// The request to the upstream.
    pub callout: Callout,
}

/// A request and its outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryRequest {
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// Its trailer fields.
    pub trailers: HeaderMap,
    /// The names of the request header fields that were removed.
    pub removed: Vec<Vec<u8>>,
    /// The request header fields that were set.
    pub added: Vec<(String, Vec<u8>)>,
    /// The response header fields that were set.
    pub response: Vec<(String, Vec<u8>)>,
    /// The status of the upstream's response.
    pub response_status: Option<u16>,
    /// The gateway's own response.
    pub reply: Option<Reply>,
    /// Whether it was resumed outside of its own callbacks.
    pub resumed: bool,
}

/// A metric that was defined.
#[derive(Debug, Default)]
pub(super) struct MemoryMetric {
    pub(super) name: String,
    /// The number of times that a counter was incremented.
    pub(super) count: u64,
    /// The values that were added to a histogram.
    pub(super) samples: Vec<u64>,
}
