//! The body of a held request: the part that Envoy has buffered, and the one that its running hook has
//! received.

use crate::abi::{self, BodyType, Stream};

/// Returns how many bytes there are.
pub(crate) fn size(stream: Stream) -> usize {
    abi::body_size(stream, BodyType::Buffered).saturating_add(received_size(stream))
}

/// Returns the first `bytes` bytes, or `None` if there are fewer: a partial body must not be used.
pub(crate) fn read(stream: Stream, bytes: usize) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(bytes);
    abi::append_body(stream, BodyType::Buffered, &mut body, bytes);
    if received_size(stream) > 0 {
        abi::append_body(stream, BodyType::Received, &mut body, bytes);
    }
    (body.len() == bytes).then_some(body)
}

/// Returns the size of the received part. If an earlier filter has held the body, what this filter receives
/// is Envoy's buffer itself, and counts once.
fn received_size(stream: Stream) -> usize {
    match abi::has_received_buffered_body(stream) {
        true => 0,
        false => abi::body_size(stream, BodyType::Received),
    }
}
