//! Requests of the sync of one subject to Stripe and Clerk.

use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::sync::api_request::{
    ApiRequest, ExpireSessions, ListItems, ListOpenInvoices, ListOpenSessions, ListSessions,
    ListSubscriptions, NoteOwner, ReadBilling, ReadRecord, RetrieveProduct, RetrieveRecorded, WriteRecord,
};
use crate::sync::error::SyncError;

/// A request of the sync of one subject to Stripe or Clerk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SubjectRequest {
    /// Reads Clerk's record.
    Record(ReadRecord),
    /// Writes Clerk's record.
    Write(WriteRecord),
    /// Reads what Clerk Billing grants.
    Billing(ReadBilling),
    /// A page of a customer's subscriptions.
    Subscriptions(ListSubscriptions),
    /// The subscription that grants the plan according to the record.
    Recorded(RetrieveRecorded),
    /// A page of a subscription's items.
    Items(ListItems),
    /// The Checkout Sessions of a subscription.
    Sessions(ListSessions),
    /// A product.
    Product(RetrieveProduct),
    /// The open invoices of a subscription.
    OpenInvoices(ListOpenInvoices),
    /// Stores the owner that a Checkout Session names.
    Note(NoteOwner),
    /// The sessions in which the subject could still buy a subscription.
    OpenSessions(ListOpenSessions),
    /// Expires such sessions.
    Expire(ExpireSessions),
}

impl SubjectRequest {
    /// Returns whether the request changes Clerk's record.
    pub(crate) fn is_write(&self) -> bool {
        matches!(self, SubjectRequest::Write(_))
    }

    /// Returns the callout.
    pub(crate) fn callout(&self, settings: &SyncSettings, scope: &str) -> Callout {
        match self {
            SubjectRequest::Record(request) => request.callout(settings, scope),
            SubjectRequest::Write(request) => request.callout(settings, scope),
            SubjectRequest::Billing(request) => request.callout(settings, scope),
            SubjectRequest::Subscriptions(request) => request.callout(settings, scope),
            SubjectRequest::Recorded(request) => request.callout(settings, scope),
            SubjectRequest::Items(request) => request.callout(settings, scope),
            SubjectRequest::Sessions(request) => request.callout(settings, scope),
            SubjectRequest::Product(request) => request.callout(settings, scope),
            SubjectRequest::OpenInvoices(request) => request.callout(settings, scope),
            SubjectRequest::Note(request) => request.callout(settings, scope),
            SubjectRequest::OpenSessions(request) => request.callout(settings, scope),
            SubjectRequest::Expire(request) => request.callout(settings, scope),
        }
    }

    /// Checks only whether the callout failed. Used after the subject's sync has failed.
    ///
    /// # Errors
    /// The same errors as [`ApiRequest::read`].
    pub(crate) fn check(&self, settings: &SyncSettings, outcome: &Outcome<'_>) -> Result<(), SyncError> {
        match self {
            SubjectRequest::Record(request) => request.read(settings, outcome).map(drop),
            SubjectRequest::Write(request) => request.read(settings, outcome).map(drop),
            SubjectRequest::Billing(request) => request.read(settings, outcome).map(drop),
            SubjectRequest::Subscriptions(request) => request.read(settings, outcome).map(drop),
            SubjectRequest::Recorded(request) => request.read(settings, outcome).map(drop),
            SubjectRequest::Items(request) => request.read(settings, outcome).map(drop),
            SubjectRequest::Sessions(request) => request.read(settings, outcome).map(drop),
            SubjectRequest::Product(request) => request.read(settings, outcome).map(drop),
            SubjectRequest::OpenInvoices(request) => request.read(settings, outcome).map(drop),
            SubjectRequest::Note(request) => request.read(settings, outcome).map(drop),
            SubjectRequest::OpenSessions(request) => request.read(settings, outcome).map(drop),
            SubjectRequest::Expire(request) => request.read(settings, outcome),
        }
    }
}
