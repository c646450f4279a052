//! Callouts of a request: started, and their ends passed on to the rules.
//!
//! Envoy may report an end while the hook that started the callout is still running. So ends are queued, and
//! passed to the rules when no hook uses the worker.

use crate::abi::{self, BorrowedChunks, BorrowedFields, CalloutMessage, CalloutStartError, Stream};
use crate::grpc::{self, GrpcCall};
use crate::handles::RequestHandle;
use crate::thread_state;
use std::cell::RefCell;
use std::collections::VecDeque;
use tollgate_core::http::{Callout, Outcome, Request};
use tollgate_driver::{CalloutResult, RESPONSE_BYTES_MAX, http_fields, timeout_ms};

/// A callout in flight. Envoy numbers the callouts of each stream, HTTP and gRPC separately.
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
    pub(crate) request: RequestHandle,
    pub(crate) token: Token,
    pub(crate) result: CalloutResult,
}

/// The maximum number of queued ends whose results a thread stores. There are few, since a queue lasts no
/// longer than a hook. Beyond it, results count as failed callouts, which never take a plan away, and no
/// callout is started.
const ENDED_MAX: usize = 1_024;

thread_local! {
    static ENDED: RefCell<VecDeque<EndedCallout>> = const { RefCell::new(VecDeque::new()) };
}

/// Queues the end of a callout. If [`ENDED_MAX`] are queued, its result counts as a failed callout.
pub(crate) fn push_ended(mut ended: EndedCallout) {
    thread_state::change(&ENDED, |queue| {
        if queue.len() >= ENDED_MAX {
            ended.result = CalloutResult::Reset;
        }
        queue.push_back(ended);
    });
}

/// Takes the callout that ended first.
pub(crate) fn pop_ended() -> Option<EndedCallout> {
    thread_state::change(&ENDED, VecDeque::pop_front).flatten()
}

/// A callout that Envoy has started, by its ID. HTTP and gRPC callouts have separate ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StartedCallout {
    /// An HTTP callout.
    Http(u64),
    /// A gRPC callout.
    Grpc(u64),
}

/// Starts a callout of a request. Returns its outcome if it could not be started, or if [`ENDED_MAX`] ends
/// are queued.
pub(crate) fn start(stream: Stream, request_id: u32, callout: &Callout) -> Result<Token, Outcome<'static>> {
    if thread_state::change(&ENDED, |queue| queue.len() >= ENDED_MAX) == Some(true) {
        return Err(Outcome::Reset);
    }
    let http = |message: &CalloutMessage<'_>| abi::start_http(stream, &callout.cluster, message);
    match start_with(callout, http, |call| grpc::start(stream, call)).map_err(unstarted_outcome)? {
        StartedCallout::Http(callout_id) => Ok(Token::Http { request_id, callout_id }),
        StartedCallout::Grpc(http_stream_id) => Ok(Token::Grpc { request_id, http_stream_id }),
    }
}

/// Starts a callout with the function for its kind.
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

/// Envoy's code for the end of an HTTP callout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct CalloutEnd(u32);

impl CalloutEnd {
    const RESPONDED: CalloutEnd = CalloutEnd(0);
    const TOO_LARGE: CalloutEnd = CalloutEnd(2);
}

/// Reads the result of an HTTP callout from the arguments of its hook.
pub(crate) fn read(
    end: CalloutEnd,
    fields: BorrowedFields,
    field_count: usize,
    chunks: BorrowedChunks,
    chunk_count: usize,
) -> CalloutResult {
    match end {
        CalloutEnd::RESPONDED => {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_maximum_the_newest_result_counts_as_a_failed_callout() {
        let ended = |request_id| {
            let token = Token::Http { request_id, callout_id: 1 };
            let request = RequestHandle::new(0, request_id);
            EndedCallout { request, token, result: CalloutResult::Message(vec![1]) }
        };
        let count = u32::try_from(ENDED_MAX).unwrap();
        (0..=count).for_each(|request_id| push_ended(ended(request_id)));
        for request_id in 0..count {
            let ended = pop_ended().unwrap();
            assert_eq!(
                (ended.request.request_id(), ended.result),
                (request_id, CalloutResult::Message(vec![1]))
            );
        }
        let newest = pop_ended().unwrap();
        assert_eq!((newest.request.request_id(), newest.result), (count, CalloutResult::Reset));
        assert!(pop_ended().is_none());
    }
}
