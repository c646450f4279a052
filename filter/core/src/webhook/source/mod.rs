//! Where deliveries come from: the boundary between a delivery, which is the same for all, and what one
//! sender signs, sends, and is told.
//!
//! A source verifies the bytes that its sender has signed, and says what they ask for: a sync, or nothing. It
//! brings its words for answers, header fields, and metrics. It starts no callout and answers nothing itself.

pub(super) mod stripe;
#[cfg(test)]
mod tests;

use crate::alarm::AlarmCode;
use crate::config::SyncSettings;
use crate::http::HeaderMap;
use crate::identity::Voucher;
use crate::ids::EventId;
use crate::report::Report;
use crate::sync::Trigger;
use crate::time::Micros;
use std::fmt;

/// A sender of events.
pub trait EventSource: fmt::Debug {
    /// What a delivery's header says of its signature, before its body is there.
    type Signature: fmt::Debug;

    /// The words that a delivery of this source uses.
    const WORDS: SourceWords;

    /// Reads the header fields of the signature. Nothing is held of a delivery that has none.
    ///
    /// # Errors
    /// [`EventRejection::Unsigned`].
    fn read_signature(&self, headers: &HeaderMap, now: Micros) -> Result<Self::Signature, EventRejection>;

    /// Verifies the body's bytes; only then reads what they say.
    ///
    /// # Errors
    /// [`EventRejection`]
    fn verify(
        &self,
        signature: &Self::Signature,
        body: &[u8],
        now: Micros,
        settings: &SyncSettings,
    ) -> Result<VerifiedEvent, EventRejection>;
}

/// The words of one source.
#[derive(Clone, Copy, Debug)]
pub struct SourceWords {
    /// In the answer to another method than POST.
    pub(crate) method: &'static str,
    /// In the answer to what is not signed, or not rightly.
    pub(crate) unsigned: &'static str,
    /// The header field with the event's id on a request that is forwarded.
    pub(crate) event_field: &'static str,
    /// The header field with the result there.
    pub(crate) result_field: &'static str,
    /// Who vouches for these header fields.
    pub(crate) voucher: Voucher,
    /// What the metrics' names begin with.
    pub(crate) metrics: &'static str,
}

/// An event whose signature holds.
#[derive(Debug)]
pub struct VerifiedEvent {
    /// Its id, the same in each delivery of it.
    pub(crate) id: EventId,
    /// When this delivery was signed.
    pub(crate) signed_at: Micros,
    pub(crate) work: EventWork,
}

/// What an event asks for.
#[derive(Debug)]
pub(crate) enum EventWork {
    /// A sync.
    Sync(Box<Trigger>),
    /// Nothing. The alarms say what an operator should see to.
    None(Vec<Report>),
    /// It is not for this gateway at all: nobody behind it gets to see it.
    NotOurs(Report),
}

/// Why the bytes of a delivery are not an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventRejection {
    /// They are not signed, or not rightly. Strangers can send that.
    Unsigned {
        /// The code in the answer and in the log.
        code: AlarmCode,
        /// The cause, for the log.
        cause: String,
    },
    /// They are signed, and cannot be read.
    Unreadable {
        /// The cause, for the answer.
        detail: String,
    },
}
