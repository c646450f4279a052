//! Starts callouts and reads their results. A failed callout is not retried here.

use crate::abi::{self, BufferType, GrpcCall, MapType, Status};
use crate::{body, headers};
use tollgate_core::http::{Callout, Outcome, Request};
use tollgate_core::protobuf;
use tollgate_driver::{CalloutResult, RESPONSE_BYTES_MAX, http_fields, timeout_ms};

/// The number by which Envoy identifies a callout in progress. HTTP and gRPC callouts are numbered
/// separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CalloutToken {
    /// The number of an HTTP callout.
    Http(u32),
    /// The number of a gRPC callout.
    Grpc(u32),
}

/// Starts a callout. Returns the outcome of the callout as an error if Envoy could not start it.
pub(crate) fn start(callout: &Callout) -> Result<CalloutToken, Outcome<'static>> {
    let timeout_ms = timeout_ms(callout.timeout);
    let cluster = callout.cluster.as_bytes();
    let token = match &callout.request {
        Request::Http { method, authority, path, headers, body } => {
            // A field with a line break is never sent.
            let Some(fields) = http_fields(method, authority, path, headers) else {
                return Err(Outcome::ClusterUnknown);
            };
            abi::http_call(cluster, &headers::serialize(&fields), body, timeout_ms).map(CalloutToken::Http)
        }
        Request::Grpc { service, method, message } => {
            let (service, method) = (service.as_bytes(), method.as_bytes());
            let target = &grpc_service(cluster);
            abi::grpc_call(&GrpcCall { target, service, method, message, timeout_ms }).map(CalloutToken::Grpc)
        }
    };
    token.map_err(|status| match status {
        Status::BAD_ARGUMENT => Outcome::ClusterUnknown,
        // Envoy's InternalFailure: the callout ended while it was started, for example without a healthy
        // host, or (gRPC) without such a cluster. Envoy returns no other status; if it did, there would be no
        // response either.
        _ => Outcome::Reset,
    })
}

/// Returns Envoy's `GrpcService` message with an `EnvoyGrpc` of `cluster`.
///
/// Envoy also accepts a plain cluster name, but not one that happens to be a protobuf message: with `pa`, for
/// example, it aborts (`panic: unset oneof`, observed with 1.40).
fn grpc_service(cluster: &[u8]) -> Vec<u8> {
    let mut envoy_grpc = Vec::new();
    protobuf::push_field(&mut envoy_grpc, 1, cluster);
    let mut service = Vec::new();
    protobuf::push_field(&mut service, 1, &envoy_grpc);
    service
}

/// Reads the response to the HTTP callout whose callback is running. The sizes are those that Envoy passed to
/// the callback.
pub(crate) fn read_http(field_count: usize, body_size: usize) -> CalloutResult {
    if field_count == 0 {
        return CalloutResult::Reset;
    }
    if body_size > RESPONSE_BYTES_MAX {
        return CalloutResult::TooLarge;
    }
    let response = || {
        let headers = headers::read(MapType::CALL_RESPONSE_HEADERS).ok()?;
        let body = body::read(BufferType::CALL_RESPONSE_BODY, body_size)?;
        Some(CalloutResult::from_http(headers, body))
    };
    response().unwrap_or(CalloutResult::Reset)
}

/// Reads the message of the gRPC callout whose callback is running.
pub(crate) fn read_grpc_message(size: usize) -> CalloutResult {
    if size > RESPONSE_BYTES_MAX {
        return CalloutResult::TooLarge;
    }
    body::read(BufferType::GRPC_MESSAGE, size).map_or(CalloutResult::Reset, CalloutResult::Message)
}

/// Reads the end of the gRPC callout whose callback is running and which had no message.
pub(crate) fn read_grpc_close(grpc_status: u32) -> CalloutResult {
    let message = abi::grpc_status_message().unwrap_or_default();
    CalloutResult::from_grpc_status(grpc_status, &message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::scripted::{self, Event};
    use std::time::Duration;

    fn http(cluster: &str) -> Callout {
        Callout {
            cluster: cluster.to_owned(),
            timeout: Duration::from_millis(2_000),
            request: Request::Http {
                method: "GET",
                authority: "api.example.com".to_owned(),
                path: "/v1".to_owned(),
                headers: vec![("accept", "*/*".to_owned())],
                body: b"b".to_vec(),
            },
        }
    }

    fn grpc(cluster: &str) -> Callout {
        let request = Request::Grpc { service: "a.S", method: "M", message: b"m".to_vec() };
        Callout { request, ..http(cluster) }
    }

    #[test]
    fn a_callout_is_passed_to_envoy_unchanged() {
        scripted::reset();
        scripted::with(|host| host.clusters = vec!["c"]);
        assert!(matches!(start(&http("c")), Ok(CalloutToken::Http(1))));
        assert!(matches!(start(&grpc("c")), Ok(CalloutToken::Grpc(2))));
        let fields =
            [(":method", "GET"), (":authority", "api.example.com"), (":path", "/v1"), ("accept", "*/*")];
        let headers = headers::serialize(&fields);
        let target = b"\x0a\x03\x0a\x01c".to_vec();
        let (method, message) = ("a.S/M".to_owned(), b"m".to_vec());
        let want = [
            Event::HttpCalled { cluster: "c".to_owned(), headers, body: b"b".to_vec(), timeout_ms: 2_000 },
            Event::GrpcCalled { target, method, message, timeout_ms: 2_000 },
        ];
        assert_eq!(scripted::events(), want);
    }

    #[test]
    fn a_callout_that_cannot_be_started_has_a_failed_outcome() {
        scripted::reset();
        assert!(matches!(start(&http("c")), Err(Outcome::ClusterUnknown)), "no such cluster");
        assert!(matches!(start(&grpc("c")), Err(Outcome::Reset)), "no such cluster, or no host in it");
        for status in [6, 10, 12, 4_000_000_000] {
            scripted::with(|host| {
                host.refusals = [("http_call", Status(status)), ("grpc_call", Status(status))].into();
            });
            assert!(matches!(start(&http("c")), Err(Outcome::Reset)), "status {status}");
            assert!(matches!(start(&grpc("c")), Err(Outcome::Reset)), "status {status}");
        }
    }

    #[test]
    fn a_callout_whose_fields_would_break_the_framing_is_not_started() {
        scripted::reset();
        scripted::with(|host| host.clusters = vec!["c"]);
        let mut broken = http("c");
        if let Request::Http { path, .. } = &mut broken.request {
            path.push_str("\r\nx: y");
        }
        assert!(matches!(start(&broken), Err(Outcome::ClusterUnknown)));
        assert_eq!(scripted::events(), []);
    }

    /// Returns the result that is read if the host has a response with `status` and `response_body`.
    fn response(status: &str, response_body: &[u8]) -> CalloutResult {
        scripted::reset();
        scripted::with(|host| {
            host.maps.insert(MapType::CALL_RESPONSE_HEADERS, headers::serialize(&[(":status", status)]));
            host.buffers.insert(BufferType::CALL_RESPONSE_BODY, response_body.to_vec());
        });
        read_http(1, response_body.len())
    }

    #[test]
    fn envoys_own_responses_are_distinguished_from_the_upstreams() {
        let body = b"upstream connect error or disconnect/reset before headers. reset reason: overflow";
        assert_eq!(response("503", body), CalloutResult::Reset);
        assert_eq!(response("502", body), CalloutResult::Reset);
        assert_eq!(response("503", b"no healthy upstream"), CalloutResult::Reset);
        assert_eq!(response("504", b"upstream request timeout"), CalloutResult::TimedOut);
        for (status, body) in
            [(503, &b"{}"[..]), (504, b"{}"), (200, b"upstream request timeout"), (429, b"")]
        {
            let got = response(&status.to_string(), body);
            assert!(matches!(got, CalloutResult::Http { status: s, .. } if s == status), "{status}: {got:?}");
        }
    }

    #[test]
    fn an_incomplete_response_counts_as_a_reset() {
        for status in ["", "2", "abc", "-1", "70000"] {
            let got = response(status, b"x");
            // "2" is a number, so it is accepted.
            assert!(got == CalloutResult::Reset || status == "2", "{status}: {got:?}");
        }
        assert!(matches!(response("200", b"x"), CalloutResult::Http { status: 200, .. }));
        assert_eq!(read_http(0, 0), CalloutResult::Reset, "no fields: the stream was reset");
        assert_eq!(read_http(1, 2), CalloutResult::Reset, "fewer bytes than announced");
        scripted::reset();
        assert_eq!(read_http(1, 0), CalloutResult::Reset, "header fields that cannot be read");
    }

    #[test]
    fn the_largest_response_is_accepted_and_one_byte_more_is_not() {
        assert!(matches!(response("200", &vec![0; RESPONSE_BYTES_MAX]), CalloutResult::Http { .. }));
        assert_eq!(response("200", &vec![0; RESPONSE_BYTES_MAX + 1]), CalloutResult::TooLarge);
        scripted::with(|host| host.buffers.insert(BufferType::GRPC_MESSAGE, vec![0; RESPONSE_BYTES_MAX]));
        assert!(matches!(read_grpc_message(RESPONSE_BYTES_MAX), CalloutResult::Message(_)));
        assert_eq!(read_grpc_message(RESPONSE_BYTES_MAX + 1), CalloutResult::TooLarge);
    }

    #[test]
    fn each_end_of_a_grpc_callout_has_its_result() {
        scripted::reset();
        let cases = [
            ("deadline exceeded", 4, "", CalloutResult::TimedOut),
            (
                "Envoy's own timeout",
                14,
                "upstream request timeout{response_timeout}",
                CalloutResult::TimedOut,
            ),
            ("no connection", 14, "no healthy upstream", CalloutResult::Reset),
            ("resource exhausted", 8, "", CalloutResult::Failed { grpc_status: 8 }),
            ("a number without a name", 99, "", CalloutResult::Failed { grpc_status: 99 }),
            ("OK and no message", 0, "", CalloutResult::Reset),
        ];
        for (why, status, message, want) in cases {
            scripted::with(|host| host.grpc_status_message = message.as_bytes().to_vec());
            assert_eq!(read_grpc_close(status), want, "{why}");
        }
        assert_eq!(read_grpc_message(0), CalloutResult::Message(Vec::new()), "an empty message is one");
        assert_eq!(read_grpc_message(1), CalloutResult::Reset, "a missing message");
    }
}
