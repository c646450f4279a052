//! Brings Clerk's record of one subject in line with Stripe, in rounds.
//!
//! Each round reads, at Stripe, every customer that the record lists, holds what was read against Clerk's
//! latest answer, and writes what differs. It is done when nothing does. So whoever writes also checks, with
//! reads that began after the write: whatever others wrote meanwhile, the last one to write sees what came of
//! it.
//!
//! ```text
//! ReadingClerk ─▶ ReadingStripe ─▶ Writing ─▶ ReadingStripe …        (another round, at most four)
//!                      │  └──────▶ Noting ──▶ Done: in sync
//!                      └─────────▶ Done: in sync, or Clerk does not have the subject
//! Failed: from anywhere; what comes of a write is still taken.
//! ```

use super::request::SubjectRequest;
use super::stripe_state::{Account, StripeState};
use crate::clerk::metadata::Record;
use crate::config::PastDue;
use crate::http::Outcome;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::sorted::SortedSet;
use crate::sync::api_request::{ApiRequest, ListOpenInvoices, ListSubscriptions, ReadRecord, WriteRecord};
use crate::sync::error::SyncError;
use crate::sync::findings::SyncFindings;
use crate::sync::ownership::{NamedSubject, Via};
use crate::sync::state::SyncState;
use crate::time::Micros;
use std::time::Duration;

/// How many rounds one sync takes at most. Only others' writes make a third one necessary.
const ROUNDS_MAX: usize = 4;

/// How many customers of one subject are read. A record of ours lists fewer.
const CUSTOMERS_READ_MAX: usize = 64;

/// For how long after a subscription was made its subject may be unknown to Clerk and still be waited for.
const SUBJECT_AWAITED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The sync of one subject.
#[derive(Debug)]
pub(crate) struct SubjectSync {
    pub(crate) subject: Subject,
    /// Whether anything but a `client_reference_id` names it.
    trusted: bool,
    /// The customers that the event is about: always read.
    about: SortedSet<CustomerId>,
    /// Customers that were read before.
    also: SortedSet<CustomerId>,
    /// Clerk's latest answer; `None` if Clerk does not have the subject.
    record: Option<Record>,
    /// When the question began that it answers.
    asked_at: Micros,
    round: usize,
    phase: Phase,
    /// How many answers are outstanding.
    outstanding: usize,
    stripe: StripeState,
    /// What was written, if Clerk confirms it.
    pub(crate) writing: Option<RecordChange>,
    written_at: Option<Micros>,
    /// A subscription sells nothing known that could change the plan, and the configuration asks to wait for
    /// it.
    pub(crate) awaits_mapping: bool,
    /// What was written and is not in the audit yet.
    pub(crate) changes: Vec<RecordChange>,
    /// Whether anything was written.
    pub(crate) changed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Clerk is asked for the record.
    ReadingClerk,
    /// Stripe is asked for subscriptions, and for what they depend on.
    ReadingStripe,
    /// Clerk is told, and side by side what a session says is noted at Stripe.
    Writing,
    /// Clerk shows what it should, and what a session says is noted at Stripe: nothing depends on what comes
    /// of it.
    Noting,
    /// There is nothing left to do.
    Done(SubjectStatus),
    /// Something failed.
    Failed,
}

/// How the sync of a subject ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectStatus {
    /// Clerk shows what Stripe says.
    InSync,
    /// Clerk does not have the subject.
    Gone,
}

/// A change of a subject's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// What Clerk showed before.
    pub from: Record,
    /// What it was told to show; once it was written, what Clerk showed then.
    pub to: Record,
    /// When Clerk was asked for what it showed before.
    pub asked_at: Micros,
}

impl SubjectSync {
    /// Begins the sync of a subject that was named. Asks Clerk first: what is read at Stripe has to be newer
    /// than what it is compared with.
    pub(crate) fn begin(named: NamedSubject, now: Micros) -> (Self, SubjectRequest) {
        let NamedSubject { subject, via } = named;
        let request = SubjectRequest::Record(ReadRecord(subject.clone()));
        let sync = SubjectSync {
            subject,
            trusted: via == Via::Metadata,
            about: SortedSet::default(),
            also: SortedSet::default(),
            record: None,
            asked_at: now,
            round: 0,
            phase: Phase::ReadingClerk,
            outstanding: 1,
            stripe: StripeState::default(),
            writing: None,
            written_at: None,
            awaits_mapping: false,
            changes: Vec::new(),
            changed: false,
        };
        (sync, request)
    }

    /// Returns how it ended, once it has.
    pub(crate) fn end(&self) -> Option<SubjectStatus> {
        match self.phase {
            Phase::Done(end) => Some(end),
            _ => None,
        }
    }

    /// Goes no further: something failed. What comes of a write is still taken.
    pub(crate) fn fail(&mut self) {
        self.phase = Phase::Failed;
    }

    /// Returns whether there is nothing left to do, or something failed.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Done(_) | Phase::Failed)
    }

    /// Returns the plan that Clerk shows.
    pub(crate) fn plan(&self) -> Option<&str> {
        self.record.as_ref()?.plan.as_deref()
    }

    /// Clerk's latest answer.
    pub(crate) fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// Returns the subscription that grants that plan, as Clerk has it.
    pub(crate) fn granted_by(&self) -> Option<&SubscriptionId> {
        self.record()?.granted_by.as_ref()
    }

    /// Returns the customer that pays for it, as far as that was read; else one that is listed.
    pub(crate) fn payer(&self, record: &Record) -> Option<CustomerId> {
        let granting = record.granted_by.as_ref().and_then(|id| self.stripe.subscriptions.get(id));
        let granting = granting.map(|subscription| &subscription.customer);
        granting.or_else(|| record.customers.first()).cloned()
    }

    /// It is named once more.
    pub(crate) fn also_named(&mut self, via: Via) {
        self.trusted |= via == Via::Metadata;
    }

    /// Begins the first round, once it is known which customers the event is about, and which of their
    /// subscriptions are past due.
    ///
    /// # Errors
    /// See [`SyncError`].
    pub(crate) fn settle(
        &mut self,
        state: &SyncState,
        findings: &mut SyncFindings,
        now: Micros,
        customers: &SortedSet<CustomerId>,
        past_due: &SortedSet<SubscriptionId>,
    ) -> Result<Vec<SubjectRequest>, SyncError> {
        self.about.clone_from(customers);
        let none = SortedSet::default();
        let owing = match state.settings.past_due {
            PastDue::Revoke => &none,
            PastDue::Keep | PastDue::Grace(_) => past_due,
        };
        let requests = self.begin_round(owing)?;
        // Somebody who is only named, and of whom neither Stripe nor Clerk knows any customer.
        if requests.is_empty() { self.advance(state, findings, now) } else { Ok(requests) }
    }

    /// Asks for the subscriptions of all customers, and side by side for what is owed for those of which it
    /// is known that it matters. In the first round an id of the other mode is an error for those that the
    /// event is about, for then the API key is wrong.
    fn begin_round(&mut self, owing: &SortedSet<SubscriptionId>) -> Result<Vec<SubjectRequest>, SyncError> {
        self.round = self.round.saturating_add(1);
        if self.round > ROUNDS_MAX {
            return Err(SyncError::Unsettled);
        }
        let strict = self.round == 1;
        let customers = self.customers_to_read();
        let page = |customer| ListSubscriptions::first(customer, !(strict && self.about.contains(customer)));
        let pages = customers.iter().map(page).map(SubjectRequest::Subscriptions);
        let invoices = owing.iter().cloned().map(ListOpenInvoices).map(SubjectRequest::OpenInvoices);
        let requests: Vec<_> = pages.chain(invoices).collect();
        let listed = self.record.iter().flat_map(|record| &record.customers);
        let complete = listed.clone().all(|customer| customers.contains(customer));
        self.also.extend(customers.iter().cloned());
        self.stripe = StripeState { customers, complete, ..StripeState::default() };
        self.phase = Phase::ReadingStripe;
        self.outstanding = requests.len();
        Ok(requests)
    }

    /// Returns the customers to read: first those that the event is about, then those that the record lists.
    /// Neither may be missed because of any number of others.
    fn customers_to_read(&self) -> SortedSet<CustomerId> {
        let listed = self.record.iter().flat_map(|record| &record.customers);
        let removed = self.record.iter().flat_map(|record| &record.removed);
        let mut customers = SortedSet::default();
        for customer in self.about.iter().chain(listed).chain(removed).chain(&self.also) {
            if customers.len() < CUSTOMERS_READ_MAX {
                customers.insert(customer.clone());
            }
        }
        customers
    }

    /// Takes the outcome of a request, and returns what to ask next: nothing while others are outstanding, or
    /// at the end.
    ///
    /// # Errors
    /// See [`SyncError`].
    pub(crate) fn take(
        &mut self,
        state: &mut SyncState,
        findings: &mut SyncFindings,
        now: Micros,
        request: SubjectRequest,
        outcome: &Outcome<'_>,
    ) -> Result<Vec<SubjectRequest>, SyncError> {
        if self.phase == Phase::Failed {
            match request {
                SubjectRequest::Write(request) => self.learn_record(request.read(&state.settings, outcome)?),
                request => request.check(&state.settings, outcome)?,
            }
            return Ok(Vec::new());
        }
        let next = self.learn(state, findings, now, request, outcome)?;
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
            Phase::ReadingStripe => self.advance(state, findings, now),
            Phase::Noting => {
                self.phase = Phase::Done(SubjectStatus::InSync);
                Ok(Vec::new())
            }
            Phase::Writing => {
                let owing = self.stripe.open_invoices.keys().cloned().collect();
                self.begin_round(&owing)
            }
        }
    }

    /// Reads the response to a request, and keeps what it says. Returns the request that follows from it at
    /// once.
    fn learn(
        &mut self,
        state: &mut SyncState,
        findings: &mut SyncFindings,
        now: Micros,
        request: SubjectRequest,
        outcome: &Outcome<'_>,
    ) -> Result<Option<SubjectRequest>, SyncError> {
        let settings = &state.settings;
        match request {
            SubjectRequest::Record(request) => self.learn_record(request.read(settings, outcome)?),
            SubjectRequest::Write(request) => self.learn_record(request.read(settings, outcome)?),
            SubjectRequest::Subscriptions(request) => {
                let page = request.read(settings, outcome)?;
                let next = self.stripe.take_page(findings, request, page);
                return Ok(next.map(SubjectRequest::Subscriptions));
            }
            SubjectRequest::Recorded(request) => {
                let response = request.read(settings, outcome)?;
                let next = self.stripe.take_recorded(findings, request, response);
                self.also.extend(next.iter().map(|request| request.customer.clone()));
                return Ok(next.map(SubjectRequest::Subscriptions));
            }
            SubjectRequest::Items(request) => {
                let page = request.read(settings, outcome)?;
                return Ok(self.stripe.take_items(request, page).map(SubjectRequest::Items));
            }
            SubjectRequest::Sessions(request) => {
                let response = request.read(settings, outcome)?;
                findings.learn_sessions(state, request, response);
                findings.keep_silent_sessions(state, self.stripe.subscriptions.values(), now);
            }
            SubjectRequest::Product(request) => {
                let metadata = request.read(settings, outcome)?;
                state.products.insert(request.0, metadata, now);
            }
            SubjectRequest::OpenInvoices(request) => {
                let owed = request.read(settings, outcome)?;
                self.stripe.open_invoices.insert(request.0, owed);
            }
            SubjectRequest::Note(request) => {
                let response = request.read(settings, outcome)?;
                findings.learn_note(request, response);
            }
        }
        Ok(None)
    }

    /// Takes what Clerk shows, at the beginning or after a write.
    fn learn_record(&mut self, record: Option<Record>) {
        // What Clerk shows after a write may be more than what was written: others write too.
        let written = self.writing.take().zip(record.as_ref());
        let written = written.map(|(change, shown)| RecordChange { to: shown.clone(), ..change });
        // Clerk's answer to a write shows the record as it was when that arrived, or later.
        self.asked_at = self.written_at.take().unwrap_or(self.asked_at);
        self.changed |= written.is_some();
        self.changes.extend(written);
        self.record = record;
    }

    /// Asks for what is missing; once nothing is, writes what differs.
    fn advance(
        &mut self,
        state: &SyncState,
        findings: &mut SyncFindings,
        now: Micros,
    ) -> Result<Vec<SubjectRequest>, SyncError> {
        let shown = self.record.clone().unwrap_or_default();
        let account = Account { subject: &self.subject, shown: &shown, trusted: self.trusted };
        let mut missing = self.stripe.sessions_missing(state, findings, account, now);
        missing.extend(self.stripe.details_missing(state, findings, account, now));
        missing.extend(self.stripe.recorded_missing(&shown));
        if !missing.is_empty() {
            self.outstanding = missing.len();
            return Ok(missing);
        }
        if self.stripe.is_cut_for(state, findings, &self.subject, now) {
            return Err(SyncError::TooMany);
        }
        let target = self.stripe.target_record(state, findings, account, now);
        if self.record.is_none() {
            let made = target.granting_since_s.map(Micros::from_secs);
            if made.is_some_and(|made| now.since(made) < SUBJECT_AWAITED_FOR) {
                return Err(SyncError::SubjectMissing);
            }
            if made.is_some() {
                findings.gone.insert(self.subject.clone());
            }
            self.phase = Phase::Done(SubjectStatus::Gone);
            return Ok(Vec::new());
        }
        self.awaits_mapping = target.awaits_mapping;
        let mut requests: Vec<_> = target.notes.into_iter().map(SubjectRequest::Note).collect();
        self.phase = if requests.is_empty() { Phase::Done(SubjectStatus::InSync) } else { Phase::Noting };
        if let Some(patch) = shown.patch(&target.record, &state.settings.plan_key) {
            requests.push(SubjectRequest::Write(WriteRecord { subject: self.subject.clone(), patch }));
            self.writing = Some(RecordChange { from: shown, to: target.record, asked_at: self.asked_at });
            self.written_at = Some(now);
            self.phase = Phase::Writing;
        }
        self.outstanding = requests.len();
        Ok(requests)
    }
}
