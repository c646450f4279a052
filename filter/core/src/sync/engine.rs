//! Brings Clerk in line with Stripe for everyone whom an event concerns.
//!
//! First whom it concerns is found, while Clerk is asked side by side for those whom the event names. Once
//! all are known, each is brought in line by a [`SubjectSync`] of its own, side by side. What fails for one
//! subject does not keep the others from being written; in the end the whole has failed, whoever started it
//! tries again, and what was done is found done.

use super::api_request::NoteOwner;
use super::deadline::Deadline;
use super::discovery::{Discovery, DiscoveryRequest};
use super::error::SyncError;
use super::findings::SyncFindings;
use super::ownership::NamedSubject;
use super::state::SyncState;
use super::subject::{RecordChange, SubjectRequest, SubjectStatus, SubjectSync};
use super::trigger::Trigger;
use crate::http::{Callout, Outcome};
use crate::ids::Subject;
use crate::machine::CallId;
use crate::sorted::SortedMap;
use crate::time::Micros;

/// How many subjects one event may concern. One customer may pay for several, but hardly for more.
const SUBJECTS_MAX: usize = 32;

/// A sync on its way.
#[derive(Debug)]
pub(crate) struct PlanSync {
    pub(crate) trigger: Trigger,
    pub(crate) findings: SyncFindings,
    pub(crate) subjects: Vec<SubjectSync>,
    discovery: Discovery,
    deadline: Deadline,
    outstanding: SortedMap<CallId, SyncRequest>,
    calls: u32,
    /// What makes idempotency keys this sync's own: Stripe repeats to a retry even an error of its own.
    idempotency_scope: String,
    settling: bool,
    /// What ends the sync once the writes under way have been answered.
    error: Option<SyncError>,
    /// What failed for one subject. The others go on.
    failure: Option<SyncError>,
}

/// A request under way, and who asked.
#[derive(Clone, Debug, PartialEq)]
enum SyncRequest {
    Discovery(DiscoveryRequest),
    /// The subject of that number.
    Subject(usize, SubjectRequest),
}

impl SyncRequest {
    /// Returns whether it is to change Clerk's record.
    fn is_write(&self) -> bool {
        matches!(self, SyncRequest::Subject(_, request) if request.is_write())
    }

    /// Returns the note that it is to write at Stripe, if it is to.
    fn note(&self) -> Option<&NoteOwner> {
        match self {
            SyncRequest::Subject(_, SubjectRequest::Note(note)) => Some(note),
            SyncRequest::Subject(..) | SyncRequest::Discovery(_) => None,
        }
    }
}

/// How far a sync has come.
#[derive(Debug)]
pub(crate) enum SyncProgress {
    /// These callouts are to be started. There are others outstanding if there are none.
    Call(Vec<(CallId, Callout)>),
    /// It has come to its end.
    Done,
}

/// What a sync came to whose work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncResult {
    /// Clerk shows what Stripe says.
    Processed,
    /// It concerns nobody.
    NoSubject,
    /// Clerk has none of the subjects.
    SubjectGone,
}

impl PlanSync {
    /// Begins a sync. Returns the callouts that are to be started, too.
    ///
    /// # Errors
    /// See [`SyncError`].
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
            calls: 0,
            idempotency_scope: format!("{cause} {}", now.as_micros()),
            settling: false,
            error: None,
            failure: None,
            trigger,
        };
        sync.findings.invalid_keys.extend(sync.trigger.invalid_keys.clone());
        sync.findings.skipped.extend(sync.trigger.skipped.clone());
        let mut requests: Vec<_> =
            sync.discovery.begin(&sync.trigger).into_iter().map(SyncRequest::Discovery).collect();
        requests.extend(sync.add_subjects(sync.trigger.named.clone(), now));
        let calls = sync.start(state, now, requests)?;
        Ok((sync, calls))
    }

    /// Goes on with the outcome of a callout.
    ///
    /// # Errors
    /// See [`SyncError`].
    pub(crate) fn answered(
        &mut self,
        state: &mut SyncState,
        now: Micros,
        call: CallId,
        outcome: &Outcome<'_>,
    ) -> Result<SyncProgress, SyncError> {
        let Some(request) = self.outstanding.remove(&call) else {
            return Ok(SyncProgress::Call(Vec::new()));
        };
        let gone_on = match self.error {
            None => self.go_on(state, now, request, outcome),
            Some(_) => self.finish(state, now, request, outcome),
        };
        match (gone_on, self.error.take()) {
            (Ok(progress), None) => Ok(progress),
            (Ok(_), Some(error)) | (Err(error), None) | (Err(_), Some(error)) => self.end_by(error),
        }
    }

    /// Ends the sync, but not before it is known what came of a write: a change of a plan belongs into the
    /// audit even if something beside it failed.
    fn end_by(&mut self, error: SyncError) -> Result<SyncProgress, SyncError> {
        if self.outstanding.values().any(SyncRequest::is_write) {
            self.error = Some(error);
            return Ok(SyncProgress::Call(Vec::new()));
        }
        Err(error)
    }

    /// Takes what came of a write, and goes no further.
    fn finish(
        &mut self,
        state: &mut SyncState,
        now: Micros,
        request: SyncRequest,
        outcome: &Outcome<'_>,
    ) -> Result<SyncProgress, SyncError> {
        if let SyncRequest::Subject(index, request @ SubjectRequest::Write(_)) = request
            && let Some(subject) = self.subjects.get_mut(index)
        {
            subject.take(state, &mut self.findings, now, request, outcome)?;
        }
        Ok(SyncProgress::Call(Vec::new()))
    }

    fn go_on(
        &mut self,
        state: &mut SyncState,
        now: Micros,
        request: SyncRequest,
        outcome: &Outcome<'_>,
    ) -> Result<SyncProgress, SyncError> {
        let mut requests = match request {
            SyncRequest::Discovery(request) => {
                let next = self.discovery.take(state, &mut self.findings, now, request, outcome)?;
                next.into_iter().map(SyncRequest::Discovery).collect()
            }
            SyncRequest::Subject(index, request) => match self.subjects.get_mut(index) {
                Some(subject) => {
                    let next = subject.take(state, &mut self.findings, now, request, outcome);
                    self.of_subject(index, next)
                }
                None => Vec::new(),
            },
        };
        if self.outstanding.is_empty() && requests.is_empty() && !self.settling {
            requests = self.meet_or_settle(state, now)?;
        }
        let calls = self.start(state, now, requests)?;
        if self.outstanding.is_empty() || self.has_nothing_to_wait_for() {
            return self.failure().map_or(Ok(SyncProgress::Done), Err);
        }
        Ok(SyncProgress::Call(calls))
    }

    /// Returns what a subject asks next. If something failed it asks nothing more, and the others go on.
    fn of_subject(&mut self, index: usize, next: Result<Vec<SubjectRequest>, SyncError>) -> Vec<SyncRequest> {
        let next = next.unwrap_or_else(|error| {
            self.subjects.get_mut(index).into_iter().for_each(SubjectSync::fail);
            // Of several the one that somebody must act on is told.
            let known = self.failure.take().filter(|known| known.is_alarm() || !error.is_alarm());
            self.failure = Some(known.unwrap_or(error));
            Vec::new()
        });
        next.into_iter().map(|request| SyncRequest::Subject(index, request)).collect()
    }

    /// Returns whether what was not answered yet is of subjects for which something failed, and is no write.
    fn has_nothing_to_wait_for(&self) -> bool {
        self.settling
            && self.subjects.iter().all(SubjectSync::is_over)
            && !self.outstanding.values().any(SyncRequest::is_write)
    }

    /// Returns what failed for some subject, or keeps the event from being settled though all that is known
    /// was written.
    fn failure(&self) -> Option<SyncError> {
        let awaits_mapping = self.subjects.iter().any(|subject| subject.awaits_mapping);
        self.failure.clone().or(awaits_mapping.then_some(SyncError::Unmapped))
    }

    /// Asks for whom Stripe names beside those whom the event names; once all are met, begins the first round
    /// of each.
    fn meet_or_settle(&mut self, state: &SyncState, now: Micros) -> Result<Vec<SyncRequest>, SyncError> {
        let granted_by = self.subjects.iter().filter_map(SubjectSync::granted_by).cloned().collect();
        let recorded = self.discovery.recorded(&self.trigger, &granted_by);
        if !recorded.is_empty() {
            return Ok(recorded.into_iter().map(SyncRequest::Discovery).collect());
        }
        let present = self.discovery.present(state, &mut self.findings, &self.trigger, now)?;
        if !present.missing.is_empty() {
            return Ok(present.missing.into_iter().map(SyncRequest::Discovery).collect());
        }
        let met = self.add_subjects(present.named, now);
        if !met.is_empty() {
            return Ok(met);
        }
        self.settling = true;
        let past_due = self.discovery.past_due().cloned().collect();
        let mut requests = Vec::new();
        for index in 0..self.subjects.len() {
            let Some(subject) = self.subjects.get_mut(index).filter(|subject| !subject.is_over()) else {
                continue;
            };
            let customers = &self.discovery.customers;
            let first = subject.settle(state, &mut self.findings, now, customers, &past_due);
            requests.extend(self.of_subject(index, first));
        }
        Ok(requests)
    }

    /// Adds those who are new, and asks Clerk for their records.
    fn add_subjects(&mut self, named: Vec<NamedSubject>, now: Micros) -> Vec<SyncRequest> {
        let mut requests = Vec::new();
        for named in named {
            if let Some(known) = self.subjects.iter_mut().find(|known| known.subject == named.subject) {
                known.also_named(named.via);
            } else if self.subjects.len() < SUBJECTS_MAX {
                let (subject, request) = SubjectSync::begin(named, now);
                requests.push(SyncRequest::Subject(self.subjects.len(), request));
                self.subjects.push(subject);
            } else {
                self.findings.too_many_subjects = true;
            }
        }
        requests
    }

    fn start(
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
                // It must not fail what is done by then.
                Some(_) => self.deadline.allot_at_least(now, callout.timeout),
                None => self.deadline.allot(now, callout.timeout)?,
            };
            let call = CallId(self.calls);
            self.calls = self.calls.saturating_add(1);
            self.outstanding.insert(call, request);
            calls.push((call, Callout { timeout, ..callout }));
        }
        Ok(calls)
    }

    /// Returns whether a callout under way is to change anything.
    pub(crate) fn changes_something(&self, call: CallId) -> bool {
        let request = self.outstanding.get(&call);
        request.is_some_and(|request| request.is_write() || request.note().is_some())
    }

    /// Returns the note that a callout under way is to write at Stripe.
    pub(crate) fn note(&self, call: CallId) -> Option<&NoteOwner> {
        self.outstanding.get(&call)?.note()
    }

    /// Returns what will end the sync once all that can be written was.
    pub(crate) fn error(&self) -> Option<SyncError> {
        self.error.clone().or(self.failure())
    }

    /// Returns the changes that these callouts are to write.
    pub(crate) fn about_to_write(&self, calls: &[(CallId, Callout)]) -> Vec<(Subject, RecordChange)> {
        let requests = calls.iter().filter_map(|(call, _)| self.outstanding.get(call));
        let changes = requests.filter_map(|request| {
            let SyncRequest::Subject(index, SubjectRequest::Write(_)) = request else { return None };
            let subject = self.subjects.get(*index)?;
            Some((subject.subject.clone(), subject.writing.clone()?))
        });
        changes.collect()
    }

    /// Returns the changes that Clerk has confirmed since this was last asked.
    pub(crate) fn take_changes(&mut self) -> Vec<(Subject, RecordChange)> {
        let mut changes = Vec::new();
        for subject in &mut self.subjects {
            for change in std::mem::take(&mut subject.changes) {
                changes.push((subject.subject.clone(), change));
            }
        }
        changes
    }

    /// Returns what the sync came to, once it is done.
    pub(crate) fn result(&self) -> SyncResult {
        if self.subjects.is_empty() {
            SyncResult::NoSubject
        } else if self.subjects.iter().all(|subject| subject.end() == Some(SubjectStatus::Gone)) {
            SyncResult::SubjectGone
        } else {
            SyncResult::Processed
        }
    }

    /// Returns when the oldest live subscription of nobody was made, in seconds since the Unix epoch.
    pub(crate) fn ownerless_since_s(&self) -> Option<u64> {
        self.discovery.ownerless_since_s()
    }

    /// Returns the customer that the event is about.
    pub(crate) fn customer(&self) -> Option<&str> {
        self.discovery.customers.first().map(|customer| customer.as_str())
    }
}
