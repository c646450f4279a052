//! HTTP as the rules see it: header fields as bytes, callouts and their outcomes, local replies.

use std::ops::Range;
use std::time::Duration;

/// The header fields of a request or a response, in the order of the wire.
///
/// Names are in lower case, as Envoy passes them, including pseudo header fields (`:path`). Values are bytes,
/// because a client may send any. All fields are in one buffer, so that reading the header costs only one or
/// two allocations.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    buffer: Vec<u8>,
    fields: Vec<Field>,
}

/// The ranges of one header field's name and value in the buffer of a [`HeaderMap`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The bytes of the name.
    pub name: Range<usize>,
    /// The bytes of the value.
    pub value: Range<usize>,
}

impl HeaderMap {
    /// Creates a map of the fields at these ranges of `buffer`. A range outside of the buffer reads as empty.
    pub fn from_parts(buffer: Vec<u8>, fields: Vec<Field>) -> Self {
        HeaderMap { buffer, fields }
    }

    /// Creates a map with a copy of the given fields. Names must already be in lower case.
    pub fn from_fields<'a>(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut map = HeaderMap::default();
        for (name, value) in fields {
            let name = map.append(name);
            let value = map.append(value);
            map.fields.push(Field { name, value });
        }
        map
    }

    /// Returns the value of the first field named `name`.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(n, _)| *n == name.as_bytes()).map(|(_, value)| value)
    }

    /// Returns the values of all fields named `name`.
    pub(crate) fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(n, _)| *n == name.as_bytes()).map(|(_, value)| value)
    }

    /// Returns the name and value of every field.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (self.slice(&field.name), self.slice(&field.value)))
    }

    /// Returns the total length of all names and values, in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        let len = |(name, value): (&[u8], &[u8])| name.len().saturating_add(value.len());
        self.iter().map(len).fold(0, usize::saturating_add)
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        start..self.buffer.len()
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
    }
}

impl std::fmt::Debug for HeaderMap {
    /// Writes only the names, because values hold tokens and signatures.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name.escape_ascii().to_string())).finish()
    }
}

/// A request to one of Envoy's clusters, made on behalf of a held request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// The cluster's name in Envoy's configuration.
    pub cluster: String,
    /// The timeout of the whole exchange.
    pub timeout: Duration,
    /// The request to send.
    pub request: Request,
}

/// The request of a [`Callout`].
#[derive(Clone, PartialEq, Eq)]
pub enum Request {
    /// An HTTP request.
    Http {
        /// The method: `GET`, `POST`, `PATCH` …
        method: &'static str,
        /// The `:authority`, which the upstream's certificate must match.
        authority: String,
        /// Path and query.
        path: String,
        /// Further header fields, names in lower case.
        headers: Vec<(&'static str, String)>,
        /// The body; empty for none.
        body: Vec<u8>,
    },
    /// A unary gRPC call.
    Grpc {
        /// The full name of the service, such as `envoy.service.ratelimit.v3.RateLimitService`.
        service: &'static str,
        /// The name of the method, such as `ShouldRateLimit`.
        method: &'static str,
        /// The request message, in the protobuf encoding.
        message: Vec<u8>,
    },
}

impl std::fmt::Debug for Request {
    /// Writes only the method and the path, because header fields and bodies hold keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Request::Http { method, authority, path, .. } => write!(f, "{method} {authority}{path}"),
            Request::Grpc { service, method, .. } => write!(f, "{service}/{method}"),
        }
    }
}

/// The outcome of a [`Callout`].
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// An HTTP response of any status.
    Response {
        /// The status code.
        status: u16,
        /// The header fields of the response.
        headers: &'a HeaderMap,
        /// The whole body.
        body: &'a [u8],
    },
    /// A gRPC response with status OK: the message, in the protobuf encoding.
    Message(&'a [u8]),
    /// A gRPC response with another status.
    Failed {
        /// The gRPC status code.
        grpc_status: u32,
    },
    /// No response before the callout's timeout.
    TimedOut,
    /// The connection was refused, or was reset before the response was complete. Also a TLS failure, if Envoy
    /// does not say so.
    Reset,
    /// No TLS connection was established. Envoy 1.38.1 and later only says so with the runtime guard
    /// `envoy.reloadable_features.hide_transport_failure_reason_in_response_body` set to false.
    TlsFailed(TlsFailure),
    /// The response is larger than the host's maximum.
    TooLarge,
    /// Envoy has no such cluster, or refused to start the callout.
    ClusterUnknown,
}

/// Why no TLS connection to an upstream was established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    /// Envoy did not accept the server's certificate.
    #[error(
        "Envoy does not accept the server's certificate: check `trusted_ca`, `match_typed_subject_alt_names`, and `sni` \
         of the cluster, and the gateway's clock"
    )]
    Certificate,
    /// Any other error in the handshake, for example because the server does not speak TLS on this port.
    #[error("the TLS handshake failed: check the address, the port, and `transport_socket` of the cluster")]
    Handshake,
}

/// The HTTP response to a [`Callout`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpResponse<'a> {
    /// The status code.
    pub(crate) status: u16,
    /// The header fields.
    pub(crate) headers: &'a HeaderMap,
    /// The whole body.
    pub(crate) body: &'a [u8],
}

/// An error of a [`Callout`] that has no response to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalloutError {
    /// See [`Outcome::TimedOut`].
    #[error("no response before the timeout")]
    TimedOut,
    /// See [`Outcome::Reset`].
    #[error(
        "the connection was refused or reset, or its TLS handshake failed (then the cluster's `ssl` counters increase)"
    )]
    Reset,
    /// See [`Outcome::TlsFailed`].
    #[error("{0}")]
    TlsFailed(TlsFailure),
    /// See [`Outcome::TooLarge`].
    #[error("the response is too large")]
    TooLarge,
    /// See [`Outcome::ClusterUnknown`].
    #[error("Envoy has no such cluster, or refused the request: check `cluster`")]
    ClusterUnknown,
    /// See [`Outcome::Failed`].
    #[error("the response has gRPC status {0}")]
    GrpcStatus(u32),
    /// An HTTP response to a gRPC call, or the reverse.
    #[error("the response is of another protocol")]
    WrongProtocol,
}

impl<'a> Outcome<'a> {
    /// Returns the HTTP response, which may have any status.
    ///
    /// # Errors
    /// [`CalloutError`] if there is none.
    pub(crate) fn http_response(&self) -> Result<HttpResponse<'a>, CalloutError> {
        match *self {
            Outcome::Response { status, headers, body } => Ok(HttpResponse { status, headers, body }),
            Outcome::Message(_) => Err(CalloutError::WrongProtocol),
            _ => Err(self.error()),
        }
    }

    /// Returns the message of a gRPC response with status OK.
    ///
    /// # Errors
    /// [`CalloutError`] if there is none.
    pub(crate) fn grpc_message(&self) -> Result<&'a [u8], CalloutError> {
        match *self {
            Outcome::Message(message) => Ok(message),
            _ => Err(self.error()),
        }
    }

    /// Returns the error of an outcome without a usable response.
    fn error(&self) -> CalloutError {
        match *self {
            Outcome::TimedOut => CalloutError::TimedOut,
            Outcome::Reset => CalloutError::Reset,
            Outcome::TlsFailed(failure) => CalloutError::TlsFailed(failure),
            Outcome::TooLarge => CalloutError::TooLarge,
            Outcome::ClusterUnknown => CalloutError::ClusterUnknown,
            Outcome::Failed { grpc_status } => CalloutError::GrpcStatus(grpc_status),
            Outcome::Response { .. } | Outcome::Message(_) => CalloutError::WrongProtocol,
        }
    }
}

/// A response that the gateway itself sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields, including `content-type`.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// The value of `%RESPONSE_CODE_DETAILS%` in Envoy's access log.
    pub details: &'static str,
    /// The status that a gRPC client gets instead of `status`; see
    /// <https://grpc.io/docs/guides/status-codes/>.
    pub grpc_status: Option<u8>,
}

/// The changes to a request that is forwarded to the upstream, and to its response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forward {
    /// The request header fields to remove, spelled as in the request.
    pub remove: Vec<Vec<u8>>,
    /// The request header fields to add. Those of the client with the same names must be among the removed.
    pub add: Vec<(&'static str, Vec<u8>)>,
    /// The header fields to set on the response.
    pub respond_with: Vec<(&'static str, String)>,
    /// Whether the machine needs [`Input::Responded`](crate::Input::Responded), the status of the response.
    pub needs_response_status: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bytes_and_the_first_field_of_a_name_wins() {
        let map = HeaderMap::from_fields([
            (&b":path"[..], &b"/ask"[..]),
            (b"x-odd", b"\xff\xfe"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
        ]);
        assert_eq!(map.get("x-odd"), Some(&b"\xff\xfe"[..]));
        assert_eq!(map.get("cookie"), Some(&b"a=1"[..]));
        assert_eq!(map.get_all("cookie").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
        assert_eq!(map.get("X-Odd"), None);
    }

    #[test]
    fn a_range_outside_of_the_buffer_reads_as_empty() {
        let map = HeaderMap::from_parts(b"a".to_vec(), vec![Field { name: 0..1, value: 5..9 }]);
        assert_eq!(map.get("a"), Some(&b""[..]));
    }

    #[test]
    fn an_outcome_is_a_response_of_its_protocol_or_an_error() {
        let headers = HeaderMap::default();
        let http = Outcome::Response { status: 404, headers: &headers, body: b"x" };
        assert_eq!(
            http.http_response().map(|response| (response.status, response.body)),
            Ok((404, &b"x"[..]))
        );
        assert_eq!(Outcome::Message(b"x").grpc_message(), Ok(&b"x"[..]));
        let errors = [
            (Outcome::TimedOut, CalloutError::TimedOut),
            (Outcome::Reset, CalloutError::Reset),
            (Outcome::TlsFailed(TlsFailure::Certificate), CalloutError::TlsFailed(TlsFailure::Certificate)),
            (Outcome::TooLarge, CalloutError::TooLarge),
            (Outcome::ClusterUnknown, CalloutError::ClusterUnknown),
            (Outcome::Failed { grpc_status: 14 }, CalloutError::GrpcStatus(14)),
        ];
        for (outcome, want) in errors {
            assert_eq!(outcome.http_response().map(|response| response.status), Err(want));
            assert_eq!(outcome.grpc_message(), Err(want));
        }
        assert_eq!(http.grpc_message(), Err(CalloutError::WrongProtocol));
        let message = Outcome::Message(b"x").http_response().map(|response| response.status);
        assert_eq!(message, Err(CalloutError::WrongProtocol));
    }

    #[test]
    fn debug_output_shows_no_values() {
        let map = HeaderMap::from_fields([(&b"authorization"[..], &b"Bearer secret"[..])]);
        assert_eq!(format!("{map:?}"), r#"["authorization"]"#);
    }
}
