//! Syncs Clerk's record of one subject with the sources of its plan, in rounds.
//!
//! Each round reads all sources in parallel, all customers of the record from Stripe and the billing
//! subscription from Clerk, compares the result with Clerk's latest response, and writes the differences. The
//! sync is done when there are none. So every writer checks its write with reads that started after it: even
//! with concurrent writers, the last one sees the final state.
//!
//! ```text
//! ReadingClerk ─▶ ReadingSources ─▶ Writing ─▶ ReadingSources …        (another round, at most four)
//!                      │  └───────▶ WritingNotes ──▶ Done: in sync
//!                      └──────────▶ Done: in sync, only read, or Clerk does not have the subject
//! Failed: from any phase; the response to a write in progress is still handled.
//! ```

use super::account::SubjectAccount;
use super::clerk_state::ClerkState;
use super::request::SubjectRequest;
use super::source_plan::{OtherSources, combine, target_without_stripe};
use super::stripe_state::{StripeState, SubjectRecord};
use super::target_record::TargetRecord;
use crate::clerk::metadata::Record;
use crate::clerk::plan_source::PlanSource;
use crate::config::PastDue;
use crate::http::Outcome;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::sorted::SortedSet;
use crate::sync::api_request::{
    ApiRequest, ExpireSessions, ListOpenInvoices, ListOpenSessions, ListSubscriptions, ReadBilling,
    ReadRecord, WriteRecord,
};
use crate::sync::error::SyncError;
use crate::sync::findings::SyncFindings;
use crate::sync::ownership::{NamedSubject, Via};
use crate::sync::state::SyncState;
use crate::time::Micros;
use std::time::Duration;

/// The maximum number of rounds of one sync. Only concurrent writers make a third one necessary.
const ROUNDS_MAX: usize = 4;

/// The maximum number of customers to read for one subject. Tollgate's records list fewer.
const CUSTOMERS_READ_MAX: usize = 64;

/// How long after the creation of a granting subscription a sync still fails, so that it is retried, if Clerk
/// does not have the subject. After that, the subject counts as gone.
const SUBJECT_AWAITED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The purpose of reading a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubjectPurpose {
    /// To update Clerk's record.
    Sync,
    /// To update Clerk's record after a completed checkout, and to expire the subject's other open sessions.
    SyncAfterCheckout,
    /// Only to return the account.
    Read,
}

/// The sync of one subject.
#[derive(Debug)]
pub(crate) struct SubjectSync {
    pub(crate) subject: Subject,
    /// Whether something other than a `client_reference_id` names the subject.
    trusted: bool,
    /// The event's customers, which are always read.
    event_customers: SortedSet<CustomerId>,
    /// Customers that were read in earlier rounds.
    earlier_customers: SortedSet<CustomerId>,
    /// The record in Clerk's latest response; `None` if Clerk does not have the subject.
    record: Option<Record>,
    /// The time of the request for that response.
    requested_at: Micros,
    round: usize,
    phase: Phase,
    /// The number of requests without a response.
    outstanding: usize,
    stripe: StripeState,
    clerk: ClerkState,
    /// The change that is being written, until Clerk confirms it.
    pub(crate) writing: Option<RecordChange>,
    written_at: Option<Micros>,
    /// Whether a subscription with an unmapped price could change the plan, and `unmapped_price` is `retry`.
    pub(crate) awaits_mapping: bool,
    purpose: SubjectPurpose,
    /// The account, once a subject that is only read was read.
    pub(crate) account: Option<Box<SubjectAccount>>,
    /// Confirmed changes that are not in the audit yet.
    pub(crate) changes: Vec<RecordChange>,
    /// Whether the record was changed.
    pub(crate) changed: bool,
}

/// The phase of a subject's sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Reading Clerk's record.
    ReadingClerk,
    /// Reading subscriptions and their dependencies from Stripe, and what Clerk Billing grants.
    ReadingSources,
    /// Writing Clerk's record and, in parallel, notes at Stripe.
    Writing,
    /// Writing notes at Stripe; Clerk's record is in sync, and a failed note does not matter.
    WritingNotes,
    /// The sync is done.
    Done(SubjectStatus),
    /// A request failed.
    Failed,
}

/// The result of a subject's sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectStatus {
    /// Clerk's record agrees with Stripe.
    InSync,
    /// Clerk does not have the subject, and no retry is expected to find it.
    Gone,
}

/// A change of a subject's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// The record before the change.
    pub from: Record,
    /// The record to write; after the write, the record in Clerk's response.
    pub to: Record,
    /// The time of the request for `from`.
    pub requested_at: Micros,
}

impl SubjectSync {
    /// Creates the sync of a named subject. Also returns its first request, which reads Clerk: data from
    /// Stripe must be newer than the record that it is compared with.
    pub(crate) fn begin(named: NamedSubject, now: Micros, purpose: SubjectPurpose) -> (Self, SubjectRequest) {
        let NamedSubject { subject, via } = named;
        let request = SubjectRequest::Record(ReadRecord(subject.clone()));
        let sync = SubjectSync {
            subject,
            trusted: via == Via::Metadata,
            event_customers: SortedSet::default(),
            earlier_customers: SortedSet::default(),
            record: None,
            requested_at: now,
            round: 0,
            phase: Phase::ReadingClerk,
            outstanding: 1,
            stripe: StripeState::default(),
            clerk: ClerkState::default(),
            writing: None,
            written_at: None,
            awaits_mapping: false,
            purpose,
            account: None,
            changes: Vec::new(),
            changed: false,
        };
        (sync, request)
    }

    /// Returns the result once the sync is done.
    pub(crate) fn status(&self) -> Option<SubjectStatus> {
        match self.phase {
            Phase::Done(status) => Some(status),
            _ => None,
        }
    }

    /// Stops the sync after an error. The response to a write in progress is still handled.
    pub(crate) fn fail(&mut self) {
        self.phase = Phase::Failed;
    }

    /// Returns whether the sync is done or has failed.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Done(_) | Phase::Failed)
    }

    /// Returns the plan in Clerk's record.
    pub(crate) fn plan(&self) -> Option<&str> {
        self.record.as_ref()?.plan.as_deref()
    }

    /// Returns the record in Clerk's latest response.
    pub(crate) fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// Returns the granting subscription in Clerk's record.
    pub(crate) fn granted_by(&self) -> Option<&SubscriptionId> {
        self.record()?.granted_by.as_ref()
    }

    /// Returns the granting subscription's customer if it was read, otherwise a customer in the record.
    pub(crate) fn payer(&self, record: &Record) -> Option<CustomerId> {
        let granting = record.granted_by.as_ref().and_then(|id| self.stripe.subscriptions.get(id));
        let granting = granting.map(|subscription| &subscription.customer);
        granting.or_else(|| record.customers.first()).cloned()
    }

    /// Trusts the subject if another claim that names it is in metadata.
    pub(crate) fn add_claim(&mut self, via: Via) {
        self.trusted |= via == Via::Metadata;
    }

    /// Starts the first round, once the event's customers and their past-due subscriptions are known.
    ///
    /// # Errors
    /// [`SyncError`] if there is nothing to read and the comparison fails.
    pub(crate) fn start_rounds(
        &mut self,
        state: &SyncState,
        findings: &mut SyncFindings,
        now: Micros,
        customers: &SortedSet<CustomerId>,
        past_due: &SortedSet<SubscriptionId>,
    ) -> Result<Vec<SubjectRequest>, SyncError> {
        self.event_customers.clone_from(customers);
        let none = SortedSet::default();
        let with_invoices = match state.settings.past_due {
            PastDue::Revoke => &none,
            PastDue::Keep | PastDue::Grace(_) => past_due,
        };
        self.begin_round(state, findings, now, with_invoices)
    }

    /// Begins the next round: requests what every source grants, in parallel. If there is nothing to request,
    /// the round ends at once.
    fn begin_round(
        &mut self,
        state: &SyncState,
        findings: &mut SyncFindings,
        now: Micros,
        with_invoices: &SortedSet<SubscriptionId>,
    ) -> Result<Vec<SubjectRequest>, SyncError> {
        self.round = self.round.saturating_add(1);
        if self.round > ROUNDS_MAX {
            return Err(SyncError::Unsettled);
        }
        self.clerk = ClerkState::NotRead;
        let mut requests = match state.settings.reads_stripe {
            true => self.read_stripe(with_invoices),
            false => Vec::new(),
        };
        if state.settings.clerk_billing.is_some() {
            requests.push(SubjectRequest::Billing(ReadBilling(self.subject.clone())));
        }
        self.phase = Phase::ReadingSources;
        self.outstanding = requests.len();
        if requests.is_empty() { self.advance(state, findings, now) } else { Ok(requests) }
    }

    /// Returns the requests for the subscriptions of all customers and, in parallel, for the open invoices of
    /// subscriptions for which they are known to matter. In the first round, it is an error if a customer of
    /// the event belongs to Stripe's other mode (test or live), because then the API key is wrong.
    fn read_stripe(&mut self, with_invoices: &SortedSet<SubscriptionId>) -> Vec<SubjectRequest> {
        let is_first_round = self.round == 1;
        let customers = self.customers_to_read();
        let page = |customer| {
            let must_exist = is_first_round && self.event_customers.contains(customer);
            ListSubscriptions::first(customer, !must_exist)
        };
        let pages = customers.iter().map(page).map(SubjectRequest::Subscriptions);
        let invoices = with_invoices.iter().cloned().map(ListOpenInvoices).map(SubjectRequest::OpenInvoices);
        let requests: Vec<_> = pages.chain(invoices).collect();
        let listed = self.record.iter().flat_map(|record| &record.customers);
        let complete = listed.clone().all(|customer| customers.contains(customer));
        self.earlier_customers.extend(customers.iter().cloned());
        self.stripe = StripeState { customers, complete, ..StripeState::default() };
        requests
    }

    /// Returns the customers to read: first the event's, then those of the record, then others.
    fn customers_to_read(&self) -> SortedSet<CustomerId> {
        let listed = self.record.iter().flat_map(|record| &record.customers);
        let removed = self.record.iter().flat_map(|record| record.removed.iter().chain(&record.customer));
        let mut customers = SortedSet::default();
        for customer in
            self.event_customers.iter().chain(listed).chain(removed).chain(&self.earlier_customers)
        {
            if customers.len() < CUSTOMERS_READ_MAX {
                customers.insert(customer.clone());
            }
        }
        customers
    }

    /// Handles the outcome of a request. Returns the next requests; there are none while others are in
    /// progress, or at the end.
    ///
    /// # Errors
    /// [`SyncError`] of the request, or of the comparison after the last one.
    pub(crate) fn handle_outcome(
        &mut self,
        state: &mut SyncState,
        findings: &mut SyncFindings,
        now: Micros,
        request: SubjectRequest,
        outcome: &Outcome<'_>,
    ) -> Result<Vec<SubjectRequest>, SyncError> {
        if self.phase == Phase::Failed {
            match request {
                SubjectRequest::Write(request) => self.store_record(request.read(&state.settings, outcome)?),
                request => request.check(&state.settings, outcome)?,
            }
            return Ok(Vec::new());
        }
        let next = self.store_response(state, findings, now, request, outcome)?;
        self.outstanding = self.outstanding.saturating_sub(1);
        if let Some(next) = next {
            self.outstanding = self.outstanding.saturating_add(1);
            return Ok(vec![next]);
        }
        if self.outstanding > 0 {
            return Ok(Vec::new());
        }
        match self.phase {
            Phase::ReadingClerk | Phase::Done(_) | Phase::Failed => Ok(Vec::new()),
            Phase::ReadingSources => self.advance(state, findings, now),
            Phase::WritingNotes => {
                self.phase = Phase::Done(SubjectStatus::InSync);
                Ok(Vec::new())
            }
            Phase::Writing => {
                let with_invoices = self.stripe.open_invoices.keys().cloned().collect();
                self.begin_round(state, findings, now, &with_invoices)
            }
        }
    }

    /// Reads and stores the response to a request. Returns the request that immediately follows from it, if
    /// any.
    fn store_response(
        &mut self,
        state: &mut SyncState,
        findings: &mut SyncFindings,
        now: Micros,
        request: SubjectRequest,
        outcome: &Outcome<'_>,
    ) -> Result<Option<SubjectRequest>, SyncError> {
        let settings = &state.settings;
        match request {
            SubjectRequest::Record(request) => self.store_record(request.read(settings, outcome)?),
            SubjectRequest::Write(request) => self.store_record(request.read(settings, outcome)?),
            SubjectRequest::Billing(request) => {
                let response = request.read(settings, outcome)?;
                self.clerk = ClerkState::new(state, findings, now, &self.subject, response);
            }
            SubjectRequest::Subscriptions(request) => {
                let page = request.read(settings, outcome)?;
                let next = self.stripe.store_page(findings, request, page);
                return Ok(next.map(SubjectRequest::Subscriptions));
            }
            SubjectRequest::Recorded(request) => {
                let response = request.read(settings, outcome)?;
                let next = self.stripe.store_recorded(findings, request, response);
                self.earlier_customers.extend(next.iter().map(|request| request.customer.clone()));
                return Ok(next.map(SubjectRequest::Subscriptions));
            }
            SubjectRequest::Items(request) => {
                let page = request.read(settings, outcome)?;
                return Ok(self.stripe.store_items(request, page).map(SubjectRequest::Items));
            }
            SubjectRequest::Sessions(request) => {
                let response = request.read(settings, outcome)?;
                findings.store_sessions(state, request, response);
                findings.cache_sessions_without_subject(state, self.stripe.subscriptions.values(), now);
            }
            SubjectRequest::Product(request) => {
                let metadata = request.read(settings, outcome)?;
                state.products.insert(request.0, metadata, now);
            }
            SubjectRequest::OpenInvoices(request) => {
                let invoices = request.read(settings, outcome)?;
                self.stripe.open_invoices.insert(request.0, invoices);
            }
            SubjectRequest::Note(request) => {
                let response = request.read(settings, outcome)?;
                findings.store_note_response(request, response);
            }
            SubjectRequest::OpenSessions(request) => {
                let open = request.read(settings, outcome)?;
                return Ok(ExpireSessions::new(open).map(SubjectRequest::Expire));
            }
            SubjectRequest::Expire(request) => return Ok(request.next().map(SubjectRequest::Expire)),
        }
        Ok(None)
    }

    /// Stores Clerk's record from the response to a read or a write.
    fn store_record(&mut self, record: Option<Record>) {
        // After a write, the record may contain more than what was written, because of concurrent writers.
        let written = self.writing.take().zip(record.as_ref());
        let written = written.map(|(change, record)| RecordChange { to: record.clone(), ..change });
        // Clerk's response to a write has the record at the time of the write or later.
        self.requested_at = self.written_at.take().unwrap_or(self.requested_at);
        self.changed |= written.is_some();
        self.changes.extend(written);
        self.record = record;
    }

    /// Returns the requests for the subject's other open sessions: once, after a completed checkout.
    fn take_session_requests(&mut self) -> Vec<SubjectRequest> {
        if self.purpose != SubjectPurpose::SyncAfterCheckout {
            return Vec::new();
        }
        self.purpose = SubjectPurpose::Sync;
        let subject = &self.subject;
        let list =
            |customer: &CustomerId| ListOpenSessions { customer: customer.clone(), subject: subject.clone() };
        self.event_customers.iter().map(list).map(SubjectRequest::OpenSessions).collect()
    }

    /// Returns the requests for missing data; once nothing is missing, returns the writes.
    fn advance(
        &mut self,
        state: &SyncState,
        findings: &mut SyncFindings,
        now: Micros,
    ) -> Result<Vec<SubjectRequest>, SyncError> {
        let current = self.record.clone().unwrap_or_default();
        let stripe_part = current.stripe_part();
        let trusted = self.trusted || self.clerk.grants();
        let subject_record = SubjectRecord { subject: &self.subject, current: &stripe_part, trusted };
        if state.settings.reads_stripe {
            let missing = self.stripe.missing(state, findings, subject_record, now);
            if !missing.is_empty() {
                self.outstanding = missing.len();
                return Ok(missing);
            }
            if self.stripe.has_truncated_customer(state, findings, &self.subject, now) {
                return Err(SyncError::TooMany);
            }
        }
        let target = self.target(state, findings, subject_record, &current, now);
        if self.record.is_none() {
            let granting_since = target.granting_since_s.map(Micros::from_secs);
            if granting_since.is_some_and(|since| now.since(since) < SUBJECT_AWAITED_FOR) {
                return Err(SyncError::SubjectMissing);
            }
            if granting_since.is_some() {
                findings.gone.insert(self.subject.clone(), target.record.granted_by.clone());
            }
            self.phase = Phase::Done(SubjectStatus::Gone);
            return Ok(Vec::new());
        }
        if self.purpose == SubjectPurpose::Read {
            let account =
                SubjectAccount::new(state, findings, subject_record, &mut self.stripe, target.record, now);
            let clerk_item = self.clerk.sold().cloned();
            self.account = Some(Box::new(SubjectAccount { record: current, clerk_item, ..account }));
            self.phase = Phase::Done(SubjectStatus::InSync);
            return Ok(Vec::new());
        }
        self.awaits_mapping = target.awaits_mapping;
        let patch = current.patch(&target.record, &state.settings.plan_key);
        let mut requests: Vec<_> = target.notes.into_iter().map(SubjectRequest::Note).collect();
        if patch.is_none() {
            requests.extend(self.take_session_requests());
        }
        self.phase =
            if requests.is_empty() { Phase::Done(SubjectStatus::InSync) } else { Phase::WritingNotes };
        if let Some(patch) = patch {
            requests.push(SubjectRequest::Write(WriteRecord { subject: self.subject.clone(), patch }));
            self.writing =
                Some(RecordChange { from: current, to: target.record, requested_at: self.requested_at });
            self.written_at = Some(now);
            self.phase = Phase::Writing;
        }
        self.outstanding = requests.len();
        Ok(requests)
    }

    /// Returns the target: the record with the highest plan of all sources. `subject_record` has Stripe's
    /// part of `current`.
    fn target(
        &self,
        state: &SyncState,
        findings: &mut SyncFindings,
        subject_record: SubjectRecord<'_>,
        current: &Record,
        now: Micros,
    ) -> TargetRecord {
        let released = state.settings.released_source.as_ref();
        let target = match state.settings.reads_stripe {
            true => self.stripe.target_record(state, findings, subject_record, now),
            false => {
                let is_released = released == Some(&PlanSource::Stripe);
                TargetRecord::from_record(target_without_stripe(current, subject_record.trusted, is_released))
            }
        };
        let clerk_billing = self.clerk.plan(&state.plans, current);
        let sources = OtherSources {
            reads_stripe: state.settings.reads_stripe,
            clerk_billing: clerk_billing.as_ref(),
            released,
        };
        let combined = combine(&state.plans, current, target.record, sources);
        findings.record_kept_plan(&state.plans, &self.subject, &combined.record, combined.kept_source);
        TargetRecord { record: combined.record, ..target }
    }
}
