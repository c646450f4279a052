//! The header fields and timeout of a callout, and its result, with the bytes that the host read.

use crate::host::is_field_value_safe;
use std::time::Duration;
use tollgate_core::http::{HeaderMap, Outcome, TlsFailure};

/// The body that Envoy sends with status 504 when a callout times out before the upstream responds. It also
/// starts the message with which a gRPC callout then ends, with status 14. (Observed in Envoy 1.40.)
const TIMED_OUT_BODY: &[u8] = b"upstream request timeout";
/// The starts of Envoy's body if it could not connect, or lost the connection before the response started.
/// The status is 503, or 502 after a response that is not HTTP.
const RESET_BODIES: [&[u8]; 2] =
    [b"upstream connect error or disconnect/reset before headers", b"no healthy upstream"];
/// Part of these bodies, and of the message of a gRPC callout, if no TLS connection was established:
/// `transport failure reason: TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED`. Envoy 1.38.1
/// and later leaves the reason out, unless a runtime guard is set (see [`Outcome::TlsFailed`]).
const TLS_ERROR: &[u8] = b"TLS_error";
/// BoringSSL's name of the error if the certificate is not accepted.
const CERTIFICATE_ERROR: &[u8] = b"CERTIFICATE_VERIFY_FAILED";

const GRPC_DEADLINE_EXCEEDED: u32 = 4;
const GRPC_UNAVAILABLE: u32 = 14;

/// The largest response to a callout that a host reads: 4 MiB. A response over Envoy's own limit, 32 MiB,
/// ends as a reset: Envoy does not report the reason.
pub const RESPONSE_BYTES_MAX: usize = 4 << 20;

/// The result of a callout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalloutResult {
    /// An HTTP response of the upstream.
    Http {
        /// The status code.
        status: u16,
        /// The header fields.
        headers: HeaderMap,
        /// The whole body.
        body: Vec<u8>,
    },
    /// A gRPC message.
    Message(Vec<u8>),
    /// A gRPC status other than OK.
    Failed {
        /// The status code.
        grpc_status: u32,
    },
    /// No response before the callout's timeout.
    TimedOut,
    /// No response, or an incomplete one.
    Reset,
    /// No TLS connection.
    TlsFailed(TlsFailure),
    /// A response of more than [`RESPONSE_BYTES_MAX`].
    TooLarge,
    /// The host has no such cluster, or refused the callout. Only for a callout that is started later than
    /// requested.
    ClusterUnknown,
}

impl CalloutResult {
    /// Returns the result of an HTTP callout. Recognizes responses of Envoy itself, which are not the
    /// upstream's.
    pub fn from_http(headers: HeaderMap, body: Vec<u8>) -> Self {
        let status = headers.get(":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
        match status {
            Some(504) if body == TIMED_OUT_BODY => CalloutResult::TimedOut,
            Some(502 | 503) if RESET_BODIES.iter().any(|reset| body.starts_with(reset)) => {
                CalloutResult::from_reset(&body)
            }
            Some(status) => CalloutResult::Http { status, headers, body },
            None => CalloutResult::Reset,
        }
    }

    /// Returns the result of a gRPC callout that ended with this status and without a message.
    pub fn from_grpc_status(grpc_status: u32, status_message: &[u8]) -> Self {
        match grpc_status {
            GRPC_DEADLINE_EXCEEDED => CalloutResult::TimedOut,
            GRPC_UNAVAILABLE if status_message.starts_with(TIMED_OUT_BODY) => CalloutResult::TimedOut,
            // A unary call that succeeds without a message has no response.
            0 | GRPC_UNAVAILABLE => CalloutResult::from_reset(status_message),
            _ => CalloutResult::Failed { grpc_status },
        }
    }

    /// Returns the result of a callout without a response, for the reason that Envoy gives.
    fn from_reset(reason: &[u8]) -> Self {
        let has = |part: &[u8]| reason.windows(part.len()).any(|window| window == part);
        match has(TLS_ERROR) {
            true if has(CERTIFICATE_ERROR) => CalloutResult::TlsFailed(TlsFailure::Certificate),
            true => CalloutResult::TlsFailed(TlsFailure::Handshake),
            false => CalloutResult::Reset,
        }
    }

    /// Returns the same as an input of the rules.
    pub fn outcome(&self) -> Outcome<'_> {
        match self {
            CalloutResult::Http { status, headers, body } => {
                Outcome::Response { status: *status, headers, body }
            }
            CalloutResult::Message(message) => Outcome::Message(message),
            CalloutResult::Failed { grpc_status } => Outcome::Failed { grpc_status: *grpc_status },
            CalloutResult::TimedOut => Outcome::TimedOut,
            CalloutResult::Reset => Outcome::Reset,
            CalloutResult::TlsFailed(failure) => Outcome::TlsFailed(*failure),
            CalloutResult::TooLarge => Outcome::TooLarge,
            CalloutResult::ClusterUnknown => Outcome::ClusterUnknown,
        }
    }
}

/// Returns the header fields of an HTTP callout, or `None` if a value would break the message framing.
pub fn http_fields<'a>(
    method: &'a str,
    authority: &'a str,
    path: &'a str,
    headers: &'a [(&'static str, String)],
) -> Option<Vec<(&'a str, &'a str)>> {
    let mut fields = vec![(":method", method), (":authority", authority), (":path", path)];
    fields.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
    fields.iter().all(|(_, value)| is_field_value_safe(value.as_bytes())).then_some(fields)
}

/// Returns whole milliseconds, at least one: for Envoy, 0 means no timeout.
pub fn timeout_ms(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).clamp(1, i32::MAX.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The start of Envoy's reason if it could not connect.
    const NO_CONNECTION: &str = "upstream connect error or disconnect/reset before headers. reset reason: remote \
                                 connection failure, transport failure reason: ";

    #[test]
    fn a_failure_of_tls_is_told_apart_from_a_server_that_is_down() {
        let tls = |error| {
            format!("{NO_CONNECTION}TLS_error:|268435581:SSL routines:OPENSSL_internal:{error}:TLS_error_end")
        };
        let cases = [
            (tls("CERTIFICATE_VERIFY_FAILED"), CalloutResult::TlsFailed(TlsFailure::Certificate)),
            (tls("WRONG_VERSION_NUMBER"), CalloutResult::TlsFailed(TlsFailure::Handshake)),
            (format!("{NO_CONNECTION}delayed connect error: Connection refused"), CalloutResult::Reset),
        ];
        for (reason, want) in cases {
            assert_eq!(
                CalloutResult::from_grpc_status(GRPC_UNAVAILABLE, reason.as_bytes()),
                want,
                "{reason}"
            );
            let headers = HeaderMap::from_fields([(&b":status"[..], &b"503"[..])]);
            assert_eq!(CalloutResult::from_http(headers, reason.clone().into_bytes()), want, "{reason}");
        }
    }

    #[test]
    fn no_timeout_becomes_zero() {
        let cases = [
            (Duration::ZERO, 1),
            (Duration::from_micros(999), 1),
            (Duration::from_millis(1_500), 1_500),
            (Duration::MAX, i32::MAX.unsigned_abs()),
        ];
        for (timeout, want) in cases {
            assert_eq!(timeout_ms(timeout), want, "{timeout:?}");
        }
    }
}
