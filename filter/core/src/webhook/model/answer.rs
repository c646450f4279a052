//! What the model's services answer.

/// An HTTP answer.
#[derive(Clone, Debug)]
pub(super) struct FakeAnswer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl FakeAnswer {
    pub(super) fn of(status: u16, body: String) -> Self {
        FakeAnswer { status, body }
    }
}
