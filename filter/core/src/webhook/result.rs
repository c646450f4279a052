//! The result of a delivery and its name in the receipt, the header field, and the metric.

use crate::cancellation::CancellationResult;
use crate::sync::SyncResult;
use serde::{Serialize, Serializer};

/// The result of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeliveryResult {
    /// The event's work is done: the records of its subjects agree with the sources of plans, or the
    /// subscriptions of a deleted subject are canceled.
    Processed,
    /// A duplicate: an earlier delivery of the event was processed.
    AlreadyReceived,
    /// The event needs no work.
    Ignored,
    /// No user or organization owns the subscription.
    NoSubject,
    /// Clerk has none of the event's subjects.
    SubjectGone,
    /// Clerk still has the subject of a deletion, so nothing was canceled.
    SubjectExists,
    /// A subscription of a deleted subject may remain, because only the merchant can decide or find it.
    NotCanceled,
    /// The signature is invalid, or the body is not an event.
    Refused,
    /// Processing the event failed; the sender retries.
    Failed,
    /// The body exceeds the configured maximum.
    TooLarge,
    /// The worker thread holds too many deliveries; the sender retries.
    Overloaded,
}

impl DeliveryResult {
    /// All results in declaration order, which is the order of their metric ids.
    pub(super) const ALL: [DeliveryResult; 11] = [
        DeliveryResult::Processed,
        DeliveryResult::AlreadyReceived,
        DeliveryResult::Ignored,
        DeliveryResult::NoSubject,
        DeliveryResult::SubjectGone,
        DeliveryResult::SubjectExists,
        DeliveryResult::NotCanceled,
        DeliveryResult::Refused,
        DeliveryResult::Failed,
        DeliveryResult::TooLarge,
        DeliveryResult::Overloaded,
    ];

    /// Returns the result's name in receipts, header fields, and metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            DeliveryResult::Processed => "processed",
            DeliveryResult::AlreadyReceived => "already_received",
            DeliveryResult::Ignored => "ignored",
            DeliveryResult::NoSubject => "no_subject",
            DeliveryResult::SubjectGone => "subject_gone",
            DeliveryResult::SubjectExists => "subject_exists",
            DeliveryResult::NotCanceled => "not_canceled",
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

impl From<CancellationResult> for DeliveryResult {
    fn from(result: CancellationResult) -> Self {
        match result {
            CancellationResult::Done => DeliveryResult::Processed,
            CancellationResult::SubjectExists => DeliveryResult::SubjectExists,
            CancellationResult::NotCanceled => DeliveryResult::NotCanceled,
        }
    }
}

impl Serialize for DeliveryResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
