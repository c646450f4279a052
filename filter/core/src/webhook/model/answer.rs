//! What the model's services answer.

/// An HTTP answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn of(status: u16, body: String) -> Self {
        Answer { status, body }
    }
}
