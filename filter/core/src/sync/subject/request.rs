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
        self.as_any().callout(settings, scope)
    }

    /// Checks only whether the callout failed. Used after the subject's sync has failed.
    ///
    /// # Errors
    /// The same errors as [`ApiRequest::read`].
    pub(crate) fn check(&self, settings: &SyncSettings, outcome: &Outcome<'_>) -> Result<(), SyncError> {
        self.as_any().check(settings, outcome)
    }

    fn as_any(&self) -> &dyn AnyRequest {
        match self {
            SubjectRequest::Record(request) => request,
            SubjectRequest::Write(request) => request,
            SubjectRequest::Billing(request) => request,
            SubjectRequest::Subscriptions(request) => request,
            SubjectRequest::Recorded(request) => request,
            SubjectRequest::Items(request) => request,
            SubjectRequest::Sessions(request) => request,
            SubjectRequest::Product(request) => request,
            SubjectRequest::OpenInvoices(request) => request,
            SubjectRequest::Note(request) => request,
            SubjectRequest::OpenSessions(request) => request,
            SubjectRequest::Expire(request) => request,
        }
    }
}

/// A request of any response type.
trait AnyRequest {
    /// Does what [`ApiRequest::callout`] does.
    fn callout(&self, settings: &SyncSettings, scope: &str) -> Callout;

    /// Does what [`ApiRequest::read`] does, without returning the response.
    fn check(&self, settings: &SyncSettings, outcome: &Outcome<'_>) -> Result<(), SyncError>;
}

impl<R: ApiRequest> AnyRequest for R {
    fn callout(&self, settings: &SyncSettings, scope: &str) -> Callout {
        ApiRequest::callout(self, settings, scope)
    }

    fn check(&self, settings: &SyncSettings, outcome: &Outcome<'_>) -> Result<(), SyncError> {
        self.read(settings, outcome).map(drop)
    }
}
