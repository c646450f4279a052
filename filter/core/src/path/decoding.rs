//! Decodes the escapes of a path (RFC 3986 §2.1), and finds the path in a request's target.

use percent_encoding::percent_decode;

/// The maximum number of decodings to find the readings of routers. No honest client sends a path with more
/// layers of escapes.
pub(super) const DECODINGS_MAX: usize = 3;

/// Returns the path of a request's target: the part before the query.
pub(crate) fn without_query(path_and_query: &[u8]) -> &[u8] {
    path_and_query.split(|byte| *byte == b'?').next().unwrap_or_default()
}

/// Decodes every escape once. A `%` without an escape is not changed.
pub(crate) fn decoded(path: &[u8]) -> Vec<u8> {
    percent_decode(path).collect()
}
