//! What the fakes respond.

use tollgate_core::http::HeaderMap;
use tollgate_driver::CalloutResult;

/// An HTTP response.
#[derive(Clone, Debug)]
pub(crate) struct FakeAnswer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl FakeAnswer {
    pub(crate) fn of(status: u16, body: String) -> Self {
        FakeAnswer { status, body }
    }
}

impl From<FakeAnswer> for CalloutResult {
    fn from(FakeAnswer { status, body }: FakeAnswer) -> Self {
        CalloutResult::Http { status, headers: HeaderMap::default(), body: body.into_bytes() }
    }
}
