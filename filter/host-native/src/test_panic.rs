//! A panic on demand, for the test that a panic ends a request and not the gateway. No module that ships has
//! it.

use crate::abi::{self, MapType, Stream};

/// Panics if the request has a header field `x-test-panic` with this value, the part that the hook handles.
#[allow(clippy::panic, reason = "the purpose of this function")]
pub(crate) fn panic_on_demand(stream: Stream, part: &str) {
    let requested = abi::header(stream, MapType::RequestHeaders, "x-test-panic");
    if requested.is_some_and(|requested| requested == part.as_bytes()) {
        panic!("requested by x-test-panic");
    }
}
