//! What a delivery comes to, and the word for it: in the receipt, in the header field, and in the metric's
//! name.

use crate::sync::SyncResult;
use serde::{Serialize, Serializer};

/// What a delivery comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeliveryResult {
    /// Everyone whom it concerns is in line.
    Processed,
    /// An earlier delivery of the event was processed.
    AlreadyReceived,
    /// It needs no work.
    Ignored,
    /// It concerns nobody.
    NoSubject,
    /// Clerk has none of those whom it concerns.
    SubjectGone,
    /// It is not signed rightly, or is not an event.
    Refused,
    /// The sync failed; the sender retries.
    Failed,
    /// Its body is larger than what is taken.
    TooLarge,
    /// Too much is held already; the sender retries.
    Overloaded,
}

impl DeliveryResult {
    /// All of them, in the order in which they are declared, which is that of their metrics.
    pub(super) const ALL: [DeliveryResult; 9] = [
        DeliveryResult::Processed,
        DeliveryResult::AlreadyReceived,
        DeliveryResult::Ignored,
        DeliveryResult::NoSubject,
        DeliveryResult::SubjectGone,
        DeliveryResult::Refused,
        DeliveryResult::Failed,
        DeliveryResult::TooLarge,
        DeliveryResult::Overloaded,
    ];

    /// Returns the word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            DeliveryResult::Processed => "processed",
            DeliveryResult::AlreadyReceived => "already_received",
            DeliveryResult::Ignored => "ignored",
            DeliveryResult::NoSubject => "no_subject",
            DeliveryResult::SubjectGone => "subject_gone",
            DeliveryResult::Refused => "refused",
            DeliveryResult::Failed => "failed",
            DeliveryResult::TooLarge => "too_large",
            DeliveryResult::Overloaded => "overloaded",
        }
    }
}

impl From<SyncResult> for DeliveryResult {
    fn from(result: SyncResult) -> Self {
        match result {
            SyncResult::Processed => DeliveryResult::Processed,
            SyncResult::NoSubject => DeliveryResult::NoSubject,
            SyncResult::SubjectGone => DeliveryResult::SubjectGone,
        }
    }
}

impl Serialize for DeliveryResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
