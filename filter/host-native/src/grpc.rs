//! Unary gRPC calls, framed over an HTTP request whose response comes in parts, since the ABI has no call for
//! them. <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use crate::abi::{self, BorrowedChunks, CalloutMessage, CalloutStartError, FilterConfig, Stream};
use crate::thread_state;
use std::cell::RefCell;
use std::collections::BTreeMap;
use tollgate_core::http::HeaderMap;
use tollgate_driver::{CalloutResult, RESPONSE_BYTES_MAX};

/// The size of a message's prefix: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

const UNKNOWN: u32 = 2;
const INTERNAL: u32 = 13;

/// The parts of a response so far.
#[derive(Debug, Default)]
struct Received {
    http_status: Option<u16>,
    grpc_status: Option<u32>,
    status_message: Vec<u8>,
    body: Vec<u8>,
    too_large: bool,
}

thread_local! {
    /// By owner (a request or a filter) and ID of the exchange.
    static RECEIVED: RefCell<BTreeMap<(u32, u64), Received>> = const { RefCell::new(BTreeMap::new()) };
}

/// The request of a gRPC call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrpcCall<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    pub(crate) message: &'a [u8],
    pub(crate) timeout_ms: u32,
}

/// Starts a call of a request and returns Envoy's ID of the exchange.
pub(crate) fn start(stream: Stream, call: GrpcCall<'_>) -> Result<u64, CalloutStartError> {
    start_with(call, |message| abi::start_http_stream(stream, call.cluster, message))
}

/// Starts a call of a filter's configuration, in the main thread, and returns Envoy's ID of the exchange.
pub(crate) fn start_config(config: FilterConfig, call: GrpcCall<'_>) -> Result<u64, CalloutStartError> {
    start_with(call, |message| abi::start_config_http_stream(config, call.cluster, message))
}

fn start_with(
    call: GrpcCall<'_>,
    start: impl FnOnce(&CalloutMessage<'_>) -> Result<u64, CalloutStartError>,
) -> Result<u64, CalloutStartError> {
    let GrpcCall { cluster, service, method, message, timeout_ms } = call;
    let path = format!("/{service}/{method}");
    let limit = format!("{timeout_ms}m");
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", cluster),
        (":path", path.as_str()),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-timeout", limit.as_str()),
    ];
    let body = framed(message).ok_or(CalloutStartError::NotCreated)?;
    start(&CalloutMessage { fields: &fields, body: &body, timeout_ms })
}

/// Stores header or trailer fields of a response.
pub(crate) fn fields(owner_id: u32, http_stream_id: u64, fields: &HeaderMap) {
    thread_state::change(&RECEIVED, |exchanges| {
        exchanges.entry((owner_id, http_stream_id)).or_default().take_fields(fields)
    });
}

/// Stores a part of a response's body. Returns false if it has become too large and the exchange must be
/// reset.
pub(crate) fn body(owner_id: u32, http_stream_id: u64, chunks: BorrowedChunks, count: usize) -> bool {
    let bytes_max = RESPONSE_BYTES_MAX.saturating_add(PREFIX_BYTES);
    thread_state::change(&RECEIVED, |exchanges| {
        let received = exchanges.entry((owner_id, http_stream_id)).or_default();
        received.too_large |= !chunks.append_to(&mut received.body, count, bytes_max);
        !received.too_large
    })
    .unwrap_or(false)
}

/// Returns the result of an exchange that is complete.
pub(crate) fn complete(owner_id: u32, http_stream_id: u64) -> CalloutResult {
    take(owner_id, http_stream_id).map_or(CalloutResult::Reset, Received::result)
}

/// Returns the result of an exchange that was reset.
pub(crate) fn reset(owner_id: u32, http_stream_id: u64) -> CalloutResult {
    match take(owner_id, http_stream_id) {
        Some(Received { too_large: true, .. }) => CalloutResult::TooLarge,
        _ => CalloutResult::Reset,
    }
}

/// Removes the exchanges of a request or a filter that has ended.
pub(crate) fn remove(owner_id: u32) {
    thread_state::change(&RECEIVED, |exchanges| {
        if !exchanges.is_empty() {
            exchanges.retain(|(owner, _), _| *owner != owner_id);
        }
    });
}

fn take(owner_id: u32, http_stream_id: u64) -> Option<Received> {
    thread_state::change(&RECEIVED, |exchanges| exchanges.remove(&(owner_id, http_stream_id))).flatten()
}

fn framed(message: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(message.len()).ok()?.to_be_bytes();
    Some([&[0], &length[..], message].concat())
}

/// Returns the only message of a body: not compressed, and with nothing after it.
fn unframed(body: &[u8]) -> Option<&[u8]> {
    let (length, message) = body.strip_prefix(&[0])?.split_first_chunk::<4>()?;
    (usize::try_from(u32::from_be_bytes(*length)).ok()? == message.len()).then_some(message)
}

impl Received {
    fn take_fields(&mut self, fields: &HeaderMap) {
        let number = |name| std::str::from_utf8(fields.get(name)?).ok();
        if let Some(status) = number(":status") {
            self.http_status = status.parse().ok();
        }
        if let Some(status) = number("grpc-status") {
            self.grpc_status = Some(status.parse().unwrap_or(UNKNOWN));
        }
        if let Some(message) = fields.get("grpc-message") {
            self.status_message = message.to_vec();
        }
    }

    fn result(self) -> CalloutResult {
        match self.grpc_status.unwrap_or_else(|| status_of_http(self.http_status)) {
            0 if self.body.is_empty() => CalloutResult::Reset,
            0 => match unframed(&self.body) {
                Some(message) => CalloutResult::Message(message.to_vec()),
                None => CalloutResult::Failed { grpc_status: INTERNAL },
            },
            grpc_status => CalloutResult::from_grpc_status(grpc_status, &self.status_message),
        }
    }
}

/// Returns the gRPC status of a response without one.
/// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>
fn status_of_http(status: Option<u16>) -> u32 {
    match status {
        Some(400) => INTERNAL,
        Some(401) => 16,
        Some(403) => 7,
        Some(404) => 12,
        Some(429 | 502..=504) => 14,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(fields: &[(&str, &str)], body: &[u8]) -> CalloutResult {
        let mut received = Received { body: body.to_vec(), ..Received::default() };
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        received.take_fields(&HeaderMap::from_fields(fields));
        received.result()
    }

    #[test]
    fn a_message_is_framed_and_a_frame_contains_one_message() {
        let frame = framed(b"message").unwrap();
        assert_eq!(frame, b"\0\0\0\0\x07message");
        assert_eq!(unframed(&frame), Some(&b"message"[..]));
        for length in 0..frame.len() {
            assert_eq!(unframed(&frame[..length]), None, "truncated to {length} bytes");
        }
        assert_eq!(unframed(&[&frame[..], b"x"].concat()), None, "something follows");
        assert_eq!(unframed(b"\x01\0\0\0\0"), None, "compressed");
        assert_eq!(unframed(b"\0\0\0\0\0"), Some(&b""[..]), "an empty message is one");
    }

    #[test]
    fn a_call_ends_in_one_way() {
        let ok = [(":status", "200"), ("grpc-status", "0")];
        assert_eq!(received(&ok, b"\0\0\0\0\x01m"), CalloutResult::Message(b"m".to_vec()));
        assert_eq!(received(&ok, b""), CalloutResult::Reset, "OK and no message");
        assert_eq!(received(&ok, b"\0\0\0\0\x02m"), CalloutResult::Failed { grpc_status: INTERNAL });
        let failed = |status| received(&[(":status", "200"), ("grpc-status", status)], b"");
        assert_eq!(failed("8"), CalloutResult::Failed { grpc_status: 8 });
        assert_eq!(failed("x"), CalloutResult::Failed { grpc_status: UNKNOWN });
        assert_eq!(failed("4"), CalloutResult::TimedOut);
        assert_eq!(failed("14"), CalloutResult::Reset);
        let timed_out =
            [(":status", "200"), ("grpc-status", "14"), ("grpc-message", "upstream request timeout")];
        assert_eq!(received(&timed_out, b""), CalloutResult::TimedOut);
        assert_eq!(received(&[(":status", "503")], b"\0\0\0\0\x01m"), CalloutResult::Reset, "no gRPC status");
        assert_eq!(received(&[(":status", "404")], b""), CalloutResult::Failed { grpc_status: 12 });
        assert_eq!(received(&[(":status", "200")], b""), CalloutResult::Failed { grpc_status: UNKNOWN });
    }
}
