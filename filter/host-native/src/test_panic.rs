//! A panic on demand, for the test that it ends a request and not the gateway. No module that ships has it.

use crate::abi::{self, MapType, Stream};

/// Panics if the request has a header field `x-test-panic`.
#[allow(clippy::panic, reason = "this is what is asked for")]
pub(crate) fn panic_if_asked(stream: Stream) {
    if abi::header(stream, MapType::RequestHeaders, "x-test-panic").is_some() {
        panic!("a request asked for it");
    }
}
