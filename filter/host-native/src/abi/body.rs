//! The parts of a request's body in Envoy's memory.

use super::raw::{self, EnvoyBuffer, Stream};

/// A part of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum BodyType {
    /// The bytes that the running hook has received; empty in other hooks.
    Received = 0,
    /// The bytes that Envoy has buffered because a filter holds the request.
    Buffered = 1,
}

/// Returns the size of a part.
pub(crate) fn body_size(stream: Stream, part: BodyType) -> usize {
    // SAFETY: `stream` is one whose filter was not destroyed.
    unsafe { raw::envoy_dynamic_module_callback_http_get_body_size(stream, part as u32) }
}

/// Returns whether the received part is Envoy's buffer itself.
pub(crate) fn has_received_buffered_body(stream: Stream) -> bool {
    // SAFETY: as above.
    unsafe { raw::envoy_dynamic_module_callback_http_received_buffered_request_body(stream) }
}

/// Appends a part to `body`, as far as Envoy returns it, until there are `bytes_max` bytes.
pub(crate) fn append_body(stream: Stream, part: BodyType, body: &mut Vec<u8>, bytes_max: usize) {
    // SAFETY: as above.
    let count = unsafe { raw::envoy_dynamic_module_callback_http_get_body_chunks_size(stream, part as u32) };
    let mut chunks = vec![EnvoyBuffer::default(); count];
    // SAFETY: as above, and there is room for all chunks: nothing changes the buffer in between.
    let found = count > 0
        && unsafe {
            raw::envoy_dynamic_module_callback_http_get_body_chunks(stream, part as u32, chunks.as_mut_ptr())
        };
    for chunk in chunks.iter().filter(|_| found) {
        // SAFETY: Envoy keeps these bytes until the buffer is changed or the hook ends.
        let bytes = unsafe { super::borrowed_bytes(chunk.ptr, chunk.length) };
        let room = bytes_max.saturating_sub(body.len());
        body.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}
