//! Whole buffers of the host: a request's body, a callout's response, the configuration.

use crate::abi::{self, BufferType};

/// Returns the first `size` bytes of a buffer, or `None` if the host has fewer or does not return them: a
/// partial body must not be used.
pub(crate) fn read(buffer: BufferType, size: usize) -> Option<Vec<u8>> {
    if size == 0 {
        return Some(Vec::new());
    }
    abi::buffer_bytes(buffer, 0, size).ok().filter(|bytes| bytes.len() == size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::scripted;

    #[test]
    fn a_buffer_that_is_shorter_than_announced_is_not_read() {
        scripted::reset();
        scripted::with(|host| host.buffers.insert(BufferType::REQUEST_BODY, b"abc".to_vec()));
        let read = |size| read(BufferType::REQUEST_BODY, size);
        assert_eq!(read(3).as_deref(), Some(&b"abc"[..]));
        assert_eq!(read(2).as_deref(), Some(&b"ab"[..]));
        assert_eq!(read(0).as_deref(), Some(&b""[..]));
        assert_eq!(read(4), None);
    }
}
