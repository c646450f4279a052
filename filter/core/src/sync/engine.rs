//! Brings Clerk in line with Stripe for everyone whom an event concerns.
//!
//! First whom it concerns is found, while Clerk is asked side by side for those whom the event names. Once all are
//! known, each is brought in line by a [`SubjectSync`] of its own, side by side. What fails for one subject does not
//! keep the others from being written; in the end the whole has failed, Stripe delivers again, and what was done is found
//! done.

use super::api_request::Ask;
use super::deadline::Deadline;
use super::discovery::Discovery;
use super::error::SyncError;
use super::findings::SyncFindings;
use super::ownership::NamedSubject;
use super::state::SyncState;
use super::subject::{Change, SubjectStatus, SubjectSync};
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
    outstanding: SortedMap<CallId, (Party, Ask)>,
    calls: u32,
    /// What makes idempotency keys this delivery's own: Stripe repeats to a retry even an error of its own.
    occasion: String,
    settling: bool,
    /// What ends the sync once the writes under way have been answered.
    error: Option<SyncError>,
    /// What failed for one subject. The others go on.
    failure: Option<SyncError>,
}

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Party {
    Discovery,
    Subject(usize),
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
            occasion: format!("{cause} {}", now.as_micros()),
            settling: false,
            error: None,
            failure: None,
            trigger,
        };
        sync.findings.unfit.extend(sync.trigger.unfit.clone());
        sync.findings.skipped.extend(sync.trigger.skipped.clone());
        let mut asks: Vec<_> =
            sync.discovery.begin(&sync.trigger).into_iter().map(of(Party::Discovery)).collect();
        asks.extend(sync.add_subjects(sync.trigger.named.clone(), now));
        let calls = sync.start(state, now, asks)?;
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
        let Some((party, ask)) = self.outstanding.remove(&call) else {
            return Ok(SyncProgress::Call(Vec::new()));
        };
        let gone_on = match self.error {
            None => self.go_on(state, now, party, &ask, outcome),
            Some(_) => self.finish(state, now, party, &ask, outcome),
        };
        match (gone_on, self.error.take()) {
            (Ok(progress), None) => Ok(progress),
            (Ok(_), Some(error)) | (Err(error), None) | (Err(_), Some(error)) => self.end_by(error),
        }
    }

    /// Ends the sync, but not before it is known what came of a write: a change of a plan belongs into the audit even if
    /// something beside it failed.
    fn end_by(&mut self, error: SyncError) -> Result<SyncProgress, SyncError> {
        if self.outstanding.values().any(|(_, ask)| matches!(ask, Ask::Write(..))) {
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
        party: Party,
        ask: &Ask,
        outcome: &Outcome<'_>,
    ) -> Result<SyncProgress, SyncError> {
        if let (Party::Subject(place), Ask::Write(..)) = (party, ask)
            && let Some(subject) = self.subjects.get_mut(place)
        {
            let told = ask.read(state, outcome)?;
            subject.take(state, &mut self.findings, now, ask, told)?;
        }
        Ok(SyncProgress::Call(Vec::new()))
    }

    fn go_on(
        &mut self,
        state: &mut SyncState,
        now: Micros,
        party: Party,
        ask: &Ask,
        outcome: &Outcome<'_>,
    ) -> Result<SyncProgress, SyncError> {
        let told = ask.read(state, outcome);
        let asks = match party {
            Party::Discovery => self.discovery.take(state, &mut self.findings, now, ask, told?)?,
            Party::Subject(place) => match self.subjects.get_mut(place) {
                Some(subject) => {
                    let next = told.and_then(|told| subject.take(state, &mut self.findings, now, ask, told));
                    self.of_subject(place, next)
                }
                None => Vec::new(),
            },
        };
        let mut asks: Vec<_> = asks.into_iter().map(of(party)).collect();
        if self.outstanding.is_empty() && asks.is_empty() && !self.settling {
            asks = self.meet_or_settle(state, now)?;
        }
        let calls = self.start(state, now, asks)?;
        if self.outstanding.is_empty() || self.has_nothing_to_wait_for() {
            return self.failure().map_or(Ok(SyncProgress::Done), Err);
        }
        Ok(SyncProgress::Call(calls))
    }

    /// What a subject asks next. If something failed it asks nothing more, and the others go on.
    fn of_subject(&mut self, place: usize, next: Result<Vec<Ask>, SyncError>) -> Vec<Ask> {
        next.unwrap_or_else(|error| {
            self.subjects.get_mut(place).into_iter().for_each(SubjectSync::fail);
            // Of several the one that somebody must act on is told.
            let known = self.failure.take().filter(|known| known.is_alarm() || !error.is_alarm());
            self.failure = Some(known.unwrap_or(error));
            Vec::new()
        })
    }

    /// Whether what was not answered yet is of subjects for which something failed, and is no write.
    fn has_nothing_to_wait_for(&self) -> bool {
        self.settling
            && self.subjects.iter().all(SubjectSync::is_over)
            && !self.outstanding.values().any(|(_, ask)| matches!(ask, Ask::Write(..)))
    }

    /// What failed for some subject, or keeps the event from being settled though all that is known was written.
    fn failure(&self) -> Option<SyncError> {
        let awaits_mapping = self.subjects.iter().any(|subject| subject.awaits_mapping);
        self.failure.clone().or(awaits_mapping.then_some(SyncError::Unmapped))
    }

    /// Whom Stripe names beside those whom the event names; once all are met, the first round of each.
    fn meet_or_settle(&mut self, state: &SyncState, now: Micros) -> Result<Vec<(Party, Ask)>, SyncError> {
        let recorded = self.discovery.recorded(&self.trigger, &self.subjects);
        if !recorded.is_empty() {
            return Ok(recorded.into_iter().map(of(Party::Discovery)).collect());
        }
        let present = self.discovery.present(state, &mut self.findings, &self.trigger, now)?;
        if !present.missing.is_empty() {
            return Ok(present.missing.into_iter().map(of(Party::Discovery)).collect());
        }
        let met = self.add_subjects(present.named, now);
        if !met.is_empty() {
            return Ok(met);
        }
        self.settling = true;
        let mut asks = Vec::new();
        for place in 0..self.subjects.len() {
            let Some(subject) = self.subjects.get_mut(place).filter(|subject| !subject.is_over()) else {
                continue;
            };
            let first = subject.settle(state, &mut self.findings, now, &self.discovery);
            asks.extend(self.of_subject(place, first).into_iter().map(of(Party::Subject(place))));
        }
        Ok(asks)
    }

    /// Adds those who are new, and asks Clerk for their records.
    fn add_subjects(&mut self, named: Vec<NamedSubject>, now: Micros) -> Vec<(Party, Ask)> {
        let mut asks = Vec::new();
        for named in named {
            if let Some(known) = self.subjects.iter_mut().find(|known| known.subject == named.subject) {
                known.also_named(named.via);
            } else if self.subjects.len() < SUBJECTS_MAX {
                let (subject, ask) = SubjectSync::begin(named, now);
                asks.push((Party::Subject(self.subjects.len()), ask));
                self.subjects.push(subject);
            } else {
                self.findings.too_many_subjects = true;
            }
        }
        asks
    }

    fn start(
        &mut self,
        state: &SyncState,
        now: Micros,
        asks: Vec<(Party, Ask)>,
    ) -> Result<Vec<(CallId, Callout)>, SyncError> {
        let mut calls = Vec::with_capacity(asks.len());
        for (party, ask) in asks {
            let callout = ask.callout(state, &self.occasion);
            let timeout = match ask {
                // It must not fail what is done by then.
                Ask::Note(..) => self.deadline.allot_at_least(now, callout.timeout),
                _ => self.deadline.allot(now, callout.timeout)?,
            };
            let call = CallId(self.calls);
            self.calls = self.calls.saturating_add(1);
            self.outstanding.insert(call, (party, ask));
            calls.push((call, Callout { timeout, ..callout }));
        }
        Ok(calls)
    }

    /// What a callout asks that was not answered yet.
    pub(crate) fn asked(&self, call: CallId) -> Option<&Ask> {
        self.outstanding.get(&call).map(|(_, ask)| ask)
    }

    /// What will end the sync once all that can be written was.
    pub(crate) fn error(&self) -> Option<SyncError> {
        self.error.clone().or(self.failure())
    }

    /// The changes that these callouts are to write.
    pub(crate) fn about_to_write(&self, calls: &[(CallId, Callout)]) -> Vec<(Subject, Change)> {
        let asks = calls.iter().filter_map(|(call, _)| self.outstanding.get(call));
        let writes = asks.filter(|(_, ask)| matches!(ask, Ask::Write(..)));
        let changes = writes.filter_map(|(party, _)| {
            let Party::Subject(place) = party else { return None };
            let subject = self.subjects.get(*place)?;
            Some((subject.subject.clone(), subject.writing.clone()?))
        });
        changes.collect()
    }

    /// The changes that Clerk has confirmed since this was last asked.
    pub(crate) fn take_changes(&mut self) -> Vec<(Subject, Change)> {
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

    /// When the oldest live subscription of nobody was made, in seconds since the Unix epoch.
    pub(crate) fn ownerless_since_s(&self) -> Option<u64> {
        self.discovery.ownerless_since_s()
    }

    /// The customer that the event is about.
    pub(crate) fn customer(&self) -> Option<&str> {
        self.discovery.customers.first().map(|customer| customer.as_str())
    }
}

fn of(party: Party) -> impl Fn(Ask) -> (Party, Ask) {
    move |ask| (party, ask)
}
