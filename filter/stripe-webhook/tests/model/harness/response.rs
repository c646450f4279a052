//! The responses of the fakes.

use tollgate_core::http::HeaderMap;
use tollgate_driver::CalloutResult;

/// An HTTP response.
#[derive(Clone, Debug)]
pub(crate) struct FakeResponse {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl FakeResponse {
    pub(crate) fn new(status: u16, body: String) -> Self {
        FakeResponse { status, body }
    }
}

impl From<FakeResponse> for CalloutResult {
    fn from(FakeResponse { status, body }: FakeResponse) -> Self {
        CalloutResult::Http { status, headers: HeaderMap::default(), body: body.into_bytes() }
    }
}
