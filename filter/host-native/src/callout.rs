//! Callouts of a request: started, and their ends passed on to the rules.
//!
//! Envoy may report an end while the hook that started the callout is still running. So ends are queued, and the rules get
//! them when no hook is inside of the worker.

use crate::abi::{self, CalloutMessage, CalloutStartError, LentChunks, LentFields, Stream};
use crate::grpc::{self, GrpcCall};
use crate::thread_state;
use std::cell::RefCell;
use std::collections::VecDeque;
use tollgate_core::http::{Callout, Outcome, Request};
use tollgate_driver::{CalloutResult, RESPONSE_BYTES_MAX, http_fields, timeout_ms};

/// A callout in flight. Envoy numbers those of each stream, and the two kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Token {
    /// An HTTP callout of a request.
    Http { request_id: u32, callout_id: u64 },
    /// A gRPC callout of a request.
    Grpc { request_id: u32, http_stream_id: u64 },
    /// An inquiry of a filter.
    Inquiry(u64),
}

/// The end of a request's callout.
#[derive(Debug)]
pub(crate) struct EndedCallout {
    pub(crate) request_id: u32,
    pub(crate) token: Token,
    pub(crate) result: CalloutResult,
}

thread_local! {
    static ENDED: RefCell<VecDeque<EndedCallout>> = const { RefCell::new(VecDeque::new()) };
}

/// Queues the end of a callout.
pub(crate) fn push_ended(ended: EndedCallout) {
    thread_state::change(&ENDED, |queue| queue.push_back(ended));
}

/// Takes the callout that ended first.
pub(crate) fn pop_ended() -> Option<EndedCallout> {
    thread_state::change(&ENDED, VecDeque::pop_front).flatten()
}

/// A callout that Envoy has started, by its number. Envoy numbers the two kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StartedCallout {
    /// An HTTP callout.
    Http(u64),
    /// A gRPC callout.
    Grpc(u64),
}

/// Starts a callout of a request. Returns how it ended if it could not be started.
pub(crate) fn start(stream: Stream, request_id: u32, callout: &Callout) -> Result<Token, Outcome<'static>> {
    let http = |message: &CalloutMessage<'_>| abi::start_http(stream, &callout.cluster, message);
    match start_with(callout, http, |call| grpc::start(stream, call)).map_err(unstarted_outcome)? {
        StartedCallout::Http(callout_id) => Ok(Token::Http { request_id, callout_id }),
        StartedCallout::Grpc(http_stream_id) => Ok(Token::Grpc { request_id, http_stream_id }),
    }
}

/// Starts a callout by the function for its kind.
pub(crate) fn start_with(
    callout: &Callout,
    http: impl FnOnce(&CalloutMessage<'_>) -> Result<u64, CalloutStartError>,
    grpc: impl FnOnce(GrpcCall<'_>) -> Result<u64, CalloutStartError>,
) -> Result<StartedCallout, CalloutStartError> {
    let timeout_ms = timeout_ms(callout.timeout);
    match &callout.request {
        Request::Http { method, authority, path, headers, body } => {
            let fields = http_fields(method, authority, path, headers);
            let fields = fields.ok_or(CalloutStartError::ClusterUnknown)?;
            http(&CalloutMessage { fields: &fields, body, timeout_ms }).map(StartedCallout::Http)
        }
        Request::Grpc { service, method, message } => {
            let cluster = &callout.cluster;
            grpc(GrpcCall { cluster, service, method, message, timeout_ms }).map(StartedCallout::Grpc)
        }
    }
}

fn unstarted_outcome(error: CalloutStartError) -> Outcome<'static> {
    match error {
        CalloutStartError::ClusterUnknown => Outcome::ClusterUnknown,
        CalloutStartError::NotCreated => Outcome::Reset,
    }
}

/// Returns the result of a callout that was not started.
pub(crate) fn unstarted(error: CalloutStartError) -> CalloutResult {
    match error {
        CalloutStartError::ClusterUnknown => CalloutResult::ClusterUnknown,
        CalloutStartError::NotCreated => CalloutResult::Reset,
    }
}

/// How an HTTP callout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct CalloutEnd(u32);

impl CalloutEnd {
    const ANSWERED: CalloutEnd = CalloutEnd(0);
    const TOO_LARGE: CalloutEnd = CalloutEnd(2);
}

/// Reads the result of an HTTP callout from what its hook was given.
pub(crate) fn read(
    end: CalloutEnd,
    fields: LentFields,
    field_count: usize,
    chunks: LentChunks,
    chunk_count: usize,
) -> CalloutResult {
    match end {
        CalloutEnd::ANSWERED => {
            let mut body = Vec::new();
            if chunks.append_to(&mut body, chunk_count, RESPONSE_BYTES_MAX) {
                CalloutResult::from_http(fields.to_header_map(field_count), body)
            } else {
                CalloutResult::TooLarge
            }
        }
        CalloutEnd::TOO_LARGE => CalloutResult::TooLarge,
        _ => CalloutResult::Reset,
    }
}
