//! Senders of events: separates the delivery, which is the same for all senders, from the signature, payload,
//! and labels of one sender.
//!
//! A source verifies the bytes that its sender signed and returns the work that the event needs: a sync, a
//! cancellation, or nothing. It also defines the sender's response texts, header fields, and metric prefix. It starts no
//! callout and sends no response itself.

pub(super) mod clerk;
pub(super) mod stripe;
#[cfg(test)]
mod tests;

use crate::cancellation::Deletion;
use crate::config::SyncSettings;
use crate::http::HeaderMap;
use crate::identity::HeaderOwner;
use crate::ids::EventId;
use crate::report::Report;
use crate::sync::Trigger;
use crate::time::Micros;
use crate::unsigned::UnsignedCode;
use std::fmt;

/// A sender of events.
pub trait EventSource: fmt::Debug {
    /// The signature as read from the header, before the body has arrived.
    type Signature: fmt::Debug;

    /// The texts and names that deliveries of this source use.
    const LABELS: SourceLabels;

    /// Reads the signature from the header fields. A delivery without one is refused before its body is held.
    ///
    /// # Errors
    /// [`EventRejection::Unsigned`] if the signature is missing or malformed.
    fn read_signature(&self, headers: &HeaderMap, now: Micros) -> Result<Self::Signature, EventRejection>;

    /// Verifies the signature over the raw body, then parses the event.
    ///
    /// # Errors
    /// [`EventRejection::Unsigned`] if the signature does not match; [`EventRejection::Unreadable`] if the
    /// body is not an event.
    fn verify(
        &self,
        signature: &Self::Signature,
        body: &[u8],
        now: Micros,
        settings: &SyncSettings,
    ) -> Result<VerifiedEvent, EventRejection>;
}

/// The response texts, header fields, and metric prefix of one source.
#[derive(Clone, Copy, Debug)]
pub struct SourceLabels {
    /// The problem detail for a method other than POST.
    pub(crate) method: &'static str,
    /// The problem detail for a missing or invalid signature.
    pub(crate) unsigned: &'static str,
    /// The header field of a forwarded request that carries the event id.
    pub(crate) event_field: &'static str,
    /// The header field of a forwarded request that carries the result.
    pub(crate) result_field: &'static str,
    /// The filter that alone may set these header fields.
    pub(crate) header_owner: HeaderOwner,
    /// The prefix of the metrics' names.
    pub(crate) metrics: &'static str,
    /// The prefix of the names of the metrics that count deliveries by result.
    pub(crate) result_metrics: &'static str,
    /// Whether its events may cancel subscriptions, which a metric then counts.
    pub(crate) cancels_subscriptions: bool,
}

/// An event whose signature is valid.
#[derive(Debug)]
pub struct VerifiedEvent {
    /// The event's id, which is the same in every delivery of the event.
    pub(crate) id: EventId,
    /// The time at which this delivery was signed.
    pub(crate) signed_at: Micros,
    pub(crate) work: EventWork,
}

/// The work that an event needs.
#[derive(Debug)]
pub(crate) enum EventWork {
    /// A sync, started by this trigger.
    Sync(Box<Trigger>),
    /// The cancellation of a deleted subject's subscriptions.
    Cancel(Box<Deletion>),
    /// Log lines, once for the event; it changes nothing.
    Log(Vec<Report>),
    /// No work; the reports are alarms for the operator.
    None(Vec<Report>),
    /// No work can be done, because the event does not name a subject. The report is an alarm.
    NoSubject(Report),
    /// The event is of another mode or instance, and is not forwarded to the upstream. The report is an
    /// alarm.
    NotOurs(Report),
}

/// The reason why a request is not a valid event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventRejection {
    /// The signature is missing or invalid. Anybody on the internet can send such a request.
    Unsigned {
        /// The code in the response and in the log.
        code: UnsignedCode,
        /// The cause, for the log.
        cause: String,
    },
    /// The signature is valid, but the body cannot be parsed.
    Unreadable {
        /// The cause, for the response.
        detail: String,
    },
}
