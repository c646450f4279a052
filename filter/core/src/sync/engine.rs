//! Syncs all subjects of an event from the sources of their plans to Clerk's records.
//!
//! The engine first finds the subjects; meanwhile it reads Clerk's records of those that the event names.
//! Once all subjects are known, each is synced by its own [`SubjectSync`], in parallel. An error of one
//! subject does not stop the others, but the whole sync fails in the end. The caller then retries it and
//! finds the finished part unchanged.

use super::api_request::NoteOwner;
use super::deadline::Deadline;
use super::discovery::{Discovery, DiscoveryRequest};
use super::error::SyncError;
use super::findings::SyncFindings;
use super::ownership::NamedSubject;
use super::state::SyncState;
use super::subject::{
    RecordChange, SubjectAccount, SubjectPurpose, SubjectRequest, SubjectStatus, SubjectSync,
};
use super::trigger::Trigger;
use crate::http::{Callout, Outcome};
use crate::ids::Subject;
use crate::machine::CallId;
use crate::sorted::SortedMap;
use crate::time::Micros;

/// The maximum number of subjects of one event. One customer may pay for several subjects, but rarely for
/// many.
const SUBJECTS_MAX: usize = 32;

/// A sync in progress.
#[derive(Debug)]
pub(crate) struct PlanSync {
    pub(crate) trigger: Trigger,
    pub(crate) findings: SyncFindings,
    pub(crate) subjects: Vec<SubjectSync>,
    discovery: Discovery,
    deadline: Deadline,
    outstanding: SortedMap<CallId, SyncRequest>,
    /// The number of callouts so far; the next one gets it as its id.
    calls_started: u32,
    /// The part of idempotency keys that is unique to this sync, because Stripe replays even its own errors
    /// to a request with a known key.
    idempotency_scope: String,
    rounds_started: bool,
    /// Whether a subject has at most one live plan subscription.
    one_subscription: bool,
    /// The error that ends the sync once the writes in progress have a response.
    error: Option<SyncError>,
    /// The error of one subject. The other subjects continue.
    subject_error: Option<SyncError>,
}

/// A request in progress, and the part of the sync that sent it.
#[derive(Clone, Debug, PartialEq)]
enum SyncRequest {
    Discovery(DiscoveryRequest),
    /// The request of the subject with this index.
    Subject(usize, SubjectRequest),
}

impl SyncRequest {
    /// Returns whether the request changes Clerk's record.
    fn is_write(&self) -> bool {
        matches!(self, SyncRequest::Subject(_, request) if request.is_write())
    }

    /// Returns the note that the request writes at Stripe, if it writes one.
    fn note(&self) -> Option<&NoteOwner> {
        match self {
            SyncRequest::Subject(_, SubjectRequest::Note(note)) => Some(note),
            SyncRequest::Subject(..) | SyncRequest::Discovery(_) => None,
        }
    }
}

/// The progress of a sync.
#[derive(Debug)]
pub(crate) enum SyncProgress {
    /// Callouts to start. If there are none, others are still in progress.
    Call(Vec<(CallId, Callout)>),
    /// The sync is done.
    Done,
}

/// The result of a sync that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncResult {
    /// Clerk agrees with Stripe.
    Processed,
    /// No subject was found.
    NoSubject,
    /// Clerk has none of the subjects.
    SubjectGone,
}

impl PlanSync {
    /// Creates a sync. Also returns the first callouts.
    ///
    /// # Errors
    /// [`SyncError::OutOfTime`] if the deadline leaves no time for a callout.
    pub(crate) fn begin(
        state: &SyncState,
        now: Micros,
        trigger: Trigger,
        deadline: Deadline,
    ) -> Result<(Self, Vec<(CallId, Callout)>), SyncError> {
        let cause = trigger.event.as_ref().map_or(trigger.reason.as_str(), |event| event.as_str());
        let mut sync = PlanSync {
            findings: SyncFindings::default(),
            subjects: Vec::new(),
            discovery: Discovery::default(),
            deadline,
            outstanding: SortedMap::default(),
            calls_started: 0,
            idempotency_scope: format!("{cause} {}", now.as_micros()),
            rounds_started: false,
            one_subscription: state.settings.one_subscription,
            error: None,
            subject_error: None,
            trigger,
        };
        sync.findings.record_invalid_keys(&sync.trigger.invalid_keys, None);
        sync.findings.skipped.extend(sync.trigger.skipped.clone());
        let mut requests: Vec<_> =
            sync.discovery.begin(&sync.trigger).into_iter().map(SyncRequest::Discovery).collect();
        requests.extend(sync.add_subjects(sync.trigger.named.clone(), now));
        let calls = sync.start_calls(state, now, requests)?;
        Ok((sync, calls))
    }

    /// Handles the outcome of a callout.
    ///
    /// # Errors
    /// [`SyncError`] if the sync has failed.
    pub(crate) fn handle_outcome(
        &mut self,
        state: &mut SyncState,
        now: Micros,
        call: CallId,
        outcome: &Outcome<'_>,
    ) -> Result<SyncProgress, SyncError> {
        let Some(request) = self.outstanding.remove(&call) else {
            return Ok(SyncProgress::Call(Vec::new()));
        };
        let progress = match self.error {
            None => self.advance(state, now, request, outcome),
            Some(_) => self.finish_write(state, now, request, outcome),
        };
        match (progress, self.error.take()) {
            (Ok(progress), None) => Ok(progress),
            (Ok(_), Some(error)) | (Err(error), None) | (Err(_), Some(error)) => self.fail(error),
        }
    }

    /// Ends the sync with an error, after all writes in progress have a response: a change of a plan must be
    /// in the audit even if another request failed.
    fn fail(&mut self, error: SyncError) -> Result<SyncProgress, SyncError> {
        if self.outstanding.values().any(SyncRequest::is_write) {
            self.error = Some(error);
            return Ok(SyncProgress::Call(Vec::new()));
        }
        Err(error)
    }

    /// Handles the response to a write after an error, and starts nothing new.
    fn finish_write(
        &mut self,
        state: &mut SyncState,
        now: Micros,
        request: SyncRequest,
        outcome: &Outcome<'_>,
    ) -> Result<SyncProgress, SyncError> {
        if let SyncRequest::Subject(index, request @ SubjectRequest::Write(_)) = request
            && let Some(subject) = self.subjects.get_mut(index)
        {
            subject.handle_outcome(state, &mut self.findings, now, request, outcome)?;
        }
        Ok(SyncProgress::Call(Vec::new()))
    }

    fn advance(
        &mut self,
        state: &mut SyncState,
        now: Micros,
        request: SyncRequest,
        outcome: &Outcome<'_>,
    ) -> Result<SyncProgress, SyncError> {
        let mut requests = match request {
            SyncRequest::Discovery(request) => {
                let next = self.discovery.handle_outcome(state, &mut self.findings, now, request, outcome)?;
                next.into_iter().map(SyncRequest::Discovery).collect()
            }
            SyncRequest::Subject(index, request) => match self.subjects.get_mut(index) {
                Some(subject) => {
                    let next = subject.handle_outcome(state, &mut self.findings, now, request, outcome);
                    self.requests_of(index, next)
                }
                None => Vec::new(),
            },
        };
        if self.outstanding.is_empty() && requests.is_empty() && !self.rounds_started {
            requests = self.discover_or_start_rounds(state, now)?;
        }
        let calls = self.start_calls(state, now, requests)?;
        if self.outstanding.is_empty() || self.has_nothing_to_wait_for() {
            return self.failure().map_or(Ok(SyncProgress::Done), Err);
        }
        Ok(SyncProgress::Call(calls))
    }

    /// Returns the next requests of a subject. After an error the subject sends no more, and the others
    /// continue.
    fn requests_of(
        &mut self,
        index: usize,
        next: Result<Vec<SubjectRequest>, SyncError>,
    ) -> Vec<SyncRequest> {
        let next = next.unwrap_or_else(|error| {
            self.subjects.get_mut(index).into_iter().for_each(SubjectSync::fail);
            // An error that an operator must act on takes precedence.
            let earlier = self.subject_error.take();
            let earlier = earlier.filter(|earlier| earlier.needs_operator() || !error.needs_operator());
            self.subject_error = Some(earlier.unwrap_or(error));
            Vec::new()
        });
        next.into_iter().map(|request| SyncRequest::Subject(index, request)).collect()
    }

    /// Returns whether all subjects have ended and no write is in progress.
    fn has_nothing_to_wait_for(&self) -> bool {
        self.rounds_started
            && self.subjects.iter().all(SubjectSync::is_over)
            && !self.outstanding.values().any(SyncRequest::is_write)
    }

    /// Returns the error of a subject, or [`SyncError::Unmapped`] if one waits for a price to be mapped.
    fn failure(&self) -> Option<SyncError> {
        let awaits_mapping = self.subjects.iter().any(|subject| subject.awaits_mapping);
        self.subject_error.clone().or(awaits_mapping.then_some(SyncError::Unmapped))
    }

    /// Continues the discovery of subjects; once all are known, starts the first round of each.
    fn discover_or_start_rounds(
        &mut self,
        state: &SyncState,
        now: Micros,
    ) -> Result<Vec<SyncRequest>, SyncError> {
        let granted_by = self.subjects.iter().filter_map(SubjectSync::granted_by).cloned().collect();
        let recorded_requests = match state.settings.reads_stripe {
            true => self.discovery.recorded_requests(&self.trigger, &granted_by),
            false => Vec::new(),
        };
        if !recorded_requests.is_empty() {
            return Ok(recorded_requests.into_iter().map(SyncRequest::Discovery).collect());
        }
        let discovered = self.discovery.subjects(state, &mut self.findings, &self.trigger, now)?;
        if !discovered.missing.is_empty() {
            return Ok(discovered.missing.into_iter().map(SyncRequest::Discovery).collect());
        }
        let added = self.add_subjects(discovered.named, now);
        if !added.is_empty() {
            return Ok(added);
        }
        self.rounds_started = true;
        let past_due = self.discovery.past_due().cloned().collect();
        let mut requests = Vec::new();
        for index in 0..self.subjects.len() {
            let Some(subject) = self.subjects.get_mut(index).filter(|subject| !subject.is_over()) else {
                continue;
            };
            let customers = &self.discovery.customers;
            let first = subject.start_rounds(state, &mut self.findings, now, customers, &past_due);
            requests.extend(self.requests_of(index, first));
        }
        Ok(requests)
    }

    fn purpose(&self) -> SubjectPurpose {
        match &self.trigger {
            trigger if trigger.reads_only => SubjectPurpose::Read,
            trigger if trigger.is_checkout && self.one_subscription => SubjectPurpose::SyncAfterCheckout,
            _ => SubjectPurpose::Sync,
        }
    }

    /// Adds the subjects that are new, and returns the requests for their records.
    fn add_subjects(&mut self, named: Vec<NamedSubject>, now: Micros) -> Vec<SyncRequest> {
        let purpose = self.purpose();
        let mut requests = Vec::new();
        for named in named {
            if let Some(known) = self.subjects.iter_mut().find(|known| known.subject == named.subject) {
                known.add_claim(named.via);
            } else if self.subjects.len() < SUBJECTS_MAX {
                let (subject, request) = SubjectSync::begin(named, now, purpose);
                requests.push(SyncRequest::Subject(self.subjects.len(), request));
                self.subjects.push(subject);
            } else {
                self.findings.too_many_subjects = true;
            }
        }
        requests
    }

    fn start_calls(
        &mut self,
        state: &SyncState,
        now: Micros,
        requests: Vec<SyncRequest>,
    ) -> Result<Vec<(CallId, Callout)>, SyncError> {
        let mut calls = Vec::with_capacity(requests.len());
        for request in requests {
            let (settings, scope) = (&state.settings, &self.idempotency_scope);
            let callout = match &request {
                SyncRequest::Discovery(request) => request.callout(settings, scope),
                SyncRequest::Subject(_, request) => request.callout(settings, scope),
            };
            let timeout = match request.note() {
                // A note is the last callout. It must not fail a sync whose work is done.
                Some(_) => self.deadline.allot_at_least(now, callout.timeout),
                None => self.deadline.allot(now, callout.timeout)?,
            };
            let call = CallId(self.calls_started);
            self.calls_started = self.calls_started.saturating_add(1);
            self.outstanding.insert(call, request);
            calls.push((call, Callout { timeout, ..callout }));
        }
        Ok(calls)
    }

    /// Returns whether a callout in progress writes to Clerk or Stripe.
    pub(crate) fn is_write(&self, call: CallId) -> bool {
        let request = self.outstanding.get(&call);
        request.is_some_and(|request| request.is_write() || request.note().is_some())
    }

    /// Returns the note that a callout in progress writes at Stripe.
    pub(crate) fn note(&self, call: CallId) -> Option<&NoteOwner> {
        self.outstanding.get(&call)?.note()
    }

    /// Returns the error that will end the sync after the remaining writes.
    pub(crate) fn error(&self) -> Option<SyncError> {
        self.error.clone().or(self.failure())
    }

    /// Returns the changes of Clerk's records that these callouts will write.
    pub(crate) fn pending_changes(&self, calls: &[(CallId, Callout)]) -> Vec<(Subject, RecordChange)> {
        let requests = calls.iter().filter_map(|(call, _)| self.outstanding.get(call));
        let changes = requests.filter_map(|request| {
            let SyncRequest::Subject(index, SubjectRequest::Write(_)) = request else { return None };
            let subject = self.subjects.get(*index)?;
            Some((subject.subject.clone(), subject.writing.clone()?))
        });
        changes.collect()
    }

    /// Removes and returns the account of the subject, after a sync that only reads one subject.
    pub(crate) fn take_account(&mut self) -> Option<Box<SubjectAccount>> {
        self.subjects.first_mut()?.account.take()
    }

    /// Removes and returns the changes that Clerk has confirmed since the last call.
    pub(crate) fn take_changes(&mut self) -> Vec<(Subject, RecordChange)> {
        let mut changes = Vec::new();
        for subject in &mut self.subjects {
            for change in std::mem::take(&mut subject.changes) {
                changes.push((subject.subject.clone(), change));
            }
        }
        changes
    }

    /// Returns the result of the sync once it is done.
    pub(crate) fn result(&self) -> SyncResult {
        if self.subjects.is_empty() {
            SyncResult::NoSubject
        } else if self.subjects.iter().all(|subject| subject.status() == Some(SubjectStatus::Gone)) {
            SyncResult::SubjectGone
        } else {
            SyncResult::Processed
        }
    }

    /// Returns the customer that the event is about.
    pub(crate) fn customer(&self) -> Option<&str> {
        self.discovery.customers.first().map(|customer| customer.as_str())
    }
}
