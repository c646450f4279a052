//! The response to a delivery that was accepted, or the header fields that report its result to the upstream.

use super::event_process::ProcessEnd;
use super::result::DeliveryResult;
use super::source::SourceLabels;
use crate::http::{Forward, Reply};
use crate::ids::EventId;
use serde::Serialize;

/// The result of a delivery: the body of the response to the sender, or the source of the upstream's header
/// fields.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    canceled: Option<usize>,
    /// The subscription that names no owner, if there is no subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription: Option<&'a str>,
    /// The customer of that subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<&'a str>,
    /// The instructions for giving it an owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<&'a str>,
}

impl<'a> Receipt<'a> {
    /// Creates the receipt of a delivery whose event needed no processing.
    pub(super) fn new(result: DeliveryResult, event: &'a EventId) -> Self {
        Receipt {
            received: true,
            status: result,
            event,
            subject: None,
            plan: None,
            changed: None,
            canceled: None,
            subscription: None,
            customer: None,
            cure: None,
        }
    }

    /// Creates the receipt of a delivery whose event was processed.
    pub(super) fn after(result: DeliveryResult, event: &'a EventId, end: &'a ProcessEnd) -> Self {
        let unowned = end.unowned.as_ref().filter(|_| result == DeliveryResult::NoSubject);
        Receipt {
            subscription: unowned.map(|unowned| unowned.subscription.as_str()),
            customer: unowned.map(|unowned| unowned.customer.as_str()),
            cure: unowned.map(|unowned| unowned.cure.as_str()),
            subject: end.subject.as_ref().map(|subject| subject.as_str()),
            plan: end.plan.as_deref(),
            changed: end.changed,
            canceled: end.canceled,
            ..Receipt::new(result, event)
        }
    }

    /// Returns the result of the delivery.
    pub(super) fn result(&self) -> DeliveryResult {
        self.status
    }

    /// Returns the response that carries this receipt.
    pub(super) fn reply(&self) -> Reply {
        Reply {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            // Serializing this struct cannot fail.
            body: serde_json::to_vec(self).unwrap_or_default(),
            details: self.status.as_str(),
            grpc_status: None,
        }
    }

    /// Returns how to forward the request to the upstream: without the fields in `remove`, with the fields
    /// that report the event and the result.
    pub(super) fn forward(&self, labels: &SourceLabels, remove: Vec<Vec<u8>>) -> Forward {
        let add = vec![
            (labels.event_field, self.event.as_str().into()),
            (labels.result_field, self.status.as_str().into()),
        ];
        Forward { remove, add, ..Forward::default() }
    }
}
