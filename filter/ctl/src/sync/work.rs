//! The work itself: first who there is, then a bounded number of reconciliations side by side.

use super::courier::Answer;
use super::desk::{Address, Desk, Event};
use super::pace::backoff;
use crate::clock::now;
use std::collections::{BTreeMap, VecDeque};
use tollgate_core::backfill::SyncState;
use tollgate_core::backfill::{
    BackfillError, Census, CensusCounts, CensusResult, Conclusion, Intent, Reconciliation,
    ReconciliationStep, Scope, Target,
};
use tollgate_core::machine::CallId;
use tollgate_core::report::{Level, Report};
use tollgate_core::time::Micros;

/// How many reconciliations are under way at once.
const JOBS_MAX: usize = 16;

/// How often a reconciliation is begun that failed in a way that may pass.
const ATTEMPTS_MAX: u32 = 8;

/// The errand that the census is.
const CENSUS: usize = 0;

/// Somebody to bring in line.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) target: Target,
    attempts: u32,
    not_before: Micros,
}

impl Job {
    pub(super) fn new(target: Target) -> Self {
        Job { target, attempts: 0, not_before: Micros::default() }
    }

    /// The id that was asked for.
    pub(super) fn id(&self) -> &str {
        match &self.target {
            Target::Customer(customer) => customer.as_str(),
            Target::Subject { subject, .. } => subject.as_str(),
        }
    }
}

/// Somebody wants the command to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interrupted;

/// Why there is no census.
#[derive(Debug)]
pub(super) enum NoCensus {
    Failed(BackfillError),
    Interrupted,
}

/// Asks who there is.
///
/// # Errors
/// [`NoCensus`].
pub(super) fn census(
    desk: &mut Desk,
    state: &SyncState,
    scope: Scope,
    mut progress: impl FnMut(CensusCounts),
) -> Result<CensusResult, NoCensus> {
    let (mut census, calls) = Census::begin(state, scope);
    desk.post(CENSUS, calls);
    loop {
        if let Some(people) = census.people() {
            return Ok(people);
        }
        match desk.next() {
            Event::Answered(Address { call, .. }, answer) => {
                match census.answered(state, call, &answer.outcome()) {
                    Ok(calls) => desk.post(CENSUS, calls),
                    Err(failure) => {
                        desk.forget(CENSUS);
                        return Err(NoCensus::Failed(failure));
                    }
                }
            }
            // It only reads: nothing has to be finished.
            Event::Interrupted => return Err(NoCensus::Interrupted),
            Event::Idle => {}
        }
        progress(census.counts());
    }
}

/// Who keeps the books.
pub(super) trait Bookkeeper {
    /// A reconciliation came to its end, or one attempt of it did that had written something.
    fn conclude(&mut self, job: &Job, conclusion: Conclusion);
    /// Something may have gone on.
    fn progress<'j>(&mut self, left: impl Iterator<Item = &'j Job>, left_count: usize);
}

/// Brings everyone in line.
#[derive(Debug)]
pub(super) struct Work<'a> {
    state: &'a mut SyncState,
    intent: Intent,
    waiting: VecDeque<Job>,
    under_way: BTreeMap<usize, (Job, Reconciliation)>,
    errands: usize,
    interrupted: bool,
}

impl<'a> Work<'a> {
    pub(super) fn new(state: &'a mut SyncState, intent: Intent, jobs: Vec<Job>) -> Self {
        let waiting = jobs.into();
        Work { state, intent, waiting, under_way: BTreeMap::new(), errands: CENSUS, interrupted: false }
    }

    /// Does all of it. On a wish to end, what is under way is finished and nothing new begun; on a second one, nothing is
    /// finished either. What is left is returned with it.
    pub(super) fn run(
        mut self,
        desk: &mut Desk,
        books: &mut impl Bookkeeper,
    ) -> (Vec<Job>, Option<Interrupted>) {
        loop {
            if !self.interrupted {
                self.begin_jobs(desk, books);
            }
            if self.under_way.is_empty() && (self.waiting.is_empty() || self.interrupted) {
                return self.leave();
            }
            match desk.next() {
                Event::Answered(address, answer) => self.answered(desk, books, address, &answer),
                Event::Interrupted if self.interrupted => return self.leave(),
                Event::Interrupted => {
                    self.interrupted = true;
                    let count = self.under_way.len();
                    eprintln!("\nfinishing the {count} under way; once more to end at once");
                }
                Event::Idle => {}
            }
            let left_count = self.waiting.len().saturating_add(self.under_way.len());
            let left = self.waiting.iter().chain(self.under_way.values().map(|(job, _)| job));
            books.progress(left, left_count);
        }
    }

    fn leave(self) -> (Vec<Job>, Option<Interrupted>) {
        let under_way = self.under_way.into_values().map(|(job, _)| job);
        let left = self.waiting.into_iter().chain(under_way).collect();
        (left, self.interrupted.then_some(Interrupted))
    }

    fn begin_jobs(&mut self, desk: &mut Desk, books: &mut impl Bookkeeper) {
        let now = now();
        while self.under_way.len() < JOBS_MAX
            && let Some(place) = self.waiting.iter().position(|job| job.not_before <= now)
            && let Some(mut job) = self.waiting.remove(place)
        {
            job.attempts = job.attempts.saturating_add(1);
            self.errands = self.errands.saturating_add(1);
            match Reconciliation::begin(self.state, now, job.target.clone(), self.intent) {
                Ok((reconciliation, next)) => {
                    self.under_way.insert(self.errands, (job, reconciliation));
                    self.go_on(desk, books, self.errands, next);
                }
                Err(failure) => {
                    let failed = Conclusion {
                        outcomes: Vec::new(),
                        names: Vec::new(),
                        failure: Some(failure),
                        reports: Vec::new(),
                    };
                    books.conclude(&job, failed);
                }
            }
        }
    }

    fn answered(&mut self, desk: &mut Desk, books: &mut impl Bookkeeper, address: Address, answer: &Answer) {
        let Address { errand, call } = address;
        let Some(next) = self.tell(errand, call, answer) else { return };
        self.go_on(desk, books, errand, next);
    }

    fn tell(&mut self, errand: usize, call: CallId, answer: &Answer) -> Option<ReconciliationStep> {
        let (_, reconciliation) = self.under_way.get_mut(&errand)?;
        Some(reconciliation.answered(self.state, now(), call, &answer.outcome()))
    }

    fn go_on(
        &mut self,
        desk: &mut Desk,
        books: &mut impl Bookkeeper,
        errand: usize,
        next: ReconciliationStep,
    ) {
        let conclusion = match next {
            ReconciliationStep::Call(calls) => return desk.post(errand, calls),
            ReconciliationStep::Done(conclusion) => *conclusion,
        };
        desk.forget(errand);
        let Some((job, _)) = self.under_way.remove(&errand) else { return };
        let may_pass = conclusion.failure.as_ref().is_some_and(|failure| failure.is_transient);
        // What it wrote before it failed is found done by the next attempt, and is to be told all the same.
        if may_pass && job.attempts < ATTEMPTS_MAX && !self.interrupted {
            let not_before = now().plus(backoff(job.attempts, None));
            books.conclude(&job, Conclusion { failure: None, ..written_before(conclusion) });
            self.waiting.push_back(Job { not_before, ..job });
        } else {
            books.conclude(&job, conclusion);
        }
    }
}

/// What of a failed attempt is to be kept: the changes that Clerk confirmed, and their lines in the audit.
fn written_before(conclusion: Conclusion) -> Conclusion {
    let outcomes = conclusion.outcomes.into_iter().filter(|outcome| outcome.change.is_some()).collect();
    let is_audit = |report: &Report| matches!(report, Report::Line(Level::Info, _));
    let reports = conclusion.reports.into_iter().filter(is_audit).collect();
    Conclusion { outcomes, reports, ..conclusion }
}
