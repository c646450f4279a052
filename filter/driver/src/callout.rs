//! What came of a callout, with the bytes that a host read.

use tollgate_core::http::{HeaderMap, Outcome};

/// The largest response to a callout that a host reads: 4 MiB. One of more than Envoy's own limit, 32 MiB, ends as a
/// reset: Envoy does not say why it gave up.
pub const RESPONSE_BYTES_MAX: usize = 4 << 20;

/// What came of a callout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalloutResult {
    /// An HTTP response of the upstream's.
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
    /// No response within the callout's time.
    TimedOut,
    /// No response, or not a whole one.
    Reset,
    /// More than [`RESPONSE_BYTES_MAX`].
    TooLarge,
}

impl CalloutResult {
    /// Returns the same as the rules take it.
    pub fn outcome(&self) -> Outcome<'_> {
        match self {
            CalloutResult::Http { status, headers, body } => {
                Outcome::Answered { status: *status, headers, body }
            }
            CalloutResult::Message(message) => Outcome::Message(message),
            CalloutResult::Failed { grpc_status } => Outcome::Failed { grpc_status: *grpc_status },
            CalloutResult::TimedOut => Outcome::TimedOut,
            CalloutResult::Reset => Outcome::Reset,
            CalloutResult::TooLarge => Outcome::TooLarge,
        }
    }
}
