//! A panic on demand, for the test that a panic ends a request and not the gateway. No module that ships has
//! it.

use crate::abi::{self, MapType, Stream};

/// Panics if the request has a header field `x-test-panic`.
#[allow(clippy::panic, reason = "the purpose of this function")]
pub(crate) fn panic_on_demand(stream: Stream) {
    if abi::header(stream, MapType::RequestHeaders, "x-test-panic").is_some() {
        panic!("requested by x-test-panic");
    }
}
