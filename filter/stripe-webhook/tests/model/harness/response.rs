//! What the model's services answer.

/// An HTTP answer.
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
