//! What a sender, or the upstream, is told of a delivery.

use super::result::DeliveryResult;
use super::source::SourceWords;
use crate::http::{Forward, Reply};
use crate::ids::EventId;
use crate::sync::SyncEnd;
use serde::Serialize;

/// What a delivery came to, as the sender or the upstream is told.
#[derive(Debug, Serialize)]
pub(super) struct Receipt<'a> {
    received: bool,
    status: DeliveryResult,
    event: &'a EventId,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
}

impl<'a> Receipt<'a> {
    /// Creates the receipt of a delivery that started no sync.
    pub(super) fn new(result: DeliveryResult, event: &'a EventId) -> Self {
        Receipt { received: true, status: result, event, subject: None, plan: None, changed: None }
    }

    /// Creates the receipt of a delivery whose sync ended so.
    pub(super) fn of_sync(result: DeliveryResult, event: &'a EventId, end: &'a SyncEnd) -> Self {
        Receipt {
            subject: end.subject.as_ref().map(|subject| subject.as_str()),
            plan: end.plan.as_deref(),
            changed: (result == DeliveryResult::Processed).then_some(end.changed),
            ..Receipt::new(result, event)
        }
    }

    /// Returns what it says the delivery came to.
    pub(super) fn result(&self) -> DeliveryResult {
        self.status
    }

    /// Returns the response with it.
    pub(super) fn reply(&self) -> Reply {
        Reply {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            // Serializing a plain struct has no failing case.
            body: serde_json::to_vec(self).unwrap_or_default(),
            details: self.status.as_str(),
            grpc_status: None,
        }
    }

    /// Returns the request's way to the upstream, without the fields in `remove`, and with what the upstream
    /// is told.
    pub(super) fn forward(&self, words: &SourceWords, remove: Vec<Vec<u8>>) -> Forward {
        let set = vec![
            (words.event_field, self.event.as_str().into()),
            (words.result_field, self.status.as_str().into()),
        ];
        Forward { remove, set, ..Forward::default() }
    }
}
