//! Escapes of a path (RFC 3986 §2.1), decoded, and the path of a request's target.

use percent_encoding::percent_decode;

/// How often escapes are decoded to see what a router could make of them. One more layer is nobody's honest path.
pub(super) const DECODINGS_MAX: usize = 3;

/// Returns the path of a request's target: what stands before the query.
pub(crate) fn without_query(path_and_query: &[u8]) -> &[u8] {
    path_and_query.split(|byte| *byte == b'?').next().unwrap_or_default()
}

/// Decodes every escape once. What is no escape stays as it is.
pub(crate) fn decoded(path: &[u8]) -> Vec<u8> {
    percent_decode(path).collect()
}
