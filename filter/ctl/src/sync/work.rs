//! Runs the work of `tollgate sync`: first reads all subscriptions and subjects (the census), then performs a
//! bounded number of reconciliations in parallel.

use crate::api_calls::{CallOutcome, CallScheduler, JobCall, SchedulerEvent, backoff};
use crate::clock::now;
use crate::terminal::print_error_line;
use std::collections::{BTreeMap, VecDeque};
use tollgate_core::backfill::{
    BackfillError, Census, CensusCounts, CensusResult, Conclusion, Intent, Reconciliation,
    ReconciliationStep, Scope, SyncState, Target,
};
use tollgate_core::machine::CallId;
use tollgate_core::report::{Level, Report};
use tollgate_core::time::Micros;

/// The maximum number of reconciliations in progress.
const JOBS_MAX: usize = 16;

/// The maximum number of attempts of a reconciliation that fails in a transient way.
const ATTEMPTS_MAX: u32 = 8;

/// The job id of the census.
const CENSUS: usize = 0;

/// A reconciliation to perform.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) target: Target,
    attempts: u32,
    not_before: Micros,
}

impl Job {
    pub(crate) fn new(target: Target) -> Self {
        Job { target, attempts: 0, not_before: Micros::default() }
    }

    /// Returns the id of the target.
    pub(crate) fn id(&self) -> &str {
        match &self.target {
            Target::Customer(customer) => customer.as_str(),
            Target::Subject { subject, .. } => subject.as_str(),
        }
    }
}

/// The sign that the process got SIGINT or SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interrupted;

/// The reason why there is no census result.
#[derive(Debug)]
pub(crate) enum CensusError {
    Failed(BackfillError),
    Interrupted,
}

/// Reads all subscriptions, users, and organizations of the scope.
///
/// # Errors
/// [`CensusError`].
pub(crate) fn census(
    scheduler: &mut CallScheduler,
    state: &SyncState,
    scope: Scope,
    mut progress: impl FnMut(CensusCounts),
) -> Result<CensusResult, CensusError> {
    let (mut census, calls) = Census::begin(state, scope);
    scheduler.enqueue(CENSUS, calls);
    loop {
        if let Some(result) = census.result() {
            return Ok(result);
        }
        match scheduler.next_event() {
            SchedulerEvent::CallEnded(JobCall { call, .. }, response) => {
                match census.handle_outcome(state, call, &response.outcome()) {
                    Ok(calls) => scheduler.enqueue(CENSUS, calls),
                    Err(failure) => {
                        scheduler.cancel(CENSUS);
                        return Err(CensusError::Failed(failure));
                    }
                }
            }
            // A census only reads, so it can stop at once.
            SchedulerEvent::Interrupted => return Err(CensusError::Interrupted),
            SchedulerEvent::Idle => {}
        }
        progress(census.counts());
    }
}

/// An observer of the progress of jobs.
pub(crate) trait JobObserver {
    /// Handles the conclusion of a reconciliation, or of an attempt that has written something.
    fn conclude(&mut self, job: &Job, conclusion: Conclusion);
    /// Handles the jobs that are left, when they may have changed.
    fn progress<'j>(&mut self, left: impl Iterator<Item = &'j Job>, left_count: usize);
}

/// Performs all jobs, a bounded number at once.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    state: &'a mut SyncState,
    intent: Intent,
    waiting: VecDeque<Job>,
    in_progress: BTreeMap<usize, (Job, Reconciliation)>,
    last_job_id: usize,
    interrupted: bool,
}

impl<'a> Work<'a> {
    pub(crate) fn new(state: &'a mut SyncState, intent: Intent, jobs: Vec<Job>) -> Self {
        let waiting = jobs.into();
        Work { state, intent, waiting, in_progress: BTreeMap::new(), last_job_id: CENSUS, interrupted: false }
    }

    /// Performs all jobs. After one signal, it finishes those in progress and starts no new ones; after a
    /// second one, it returns at once. Returns the jobs that are left.
    pub(crate) fn run(
        mut self,
        scheduler: &mut CallScheduler,
        observer: &mut impl JobObserver,
    ) -> (Vec<Job>, Option<Interrupted>) {
        loop {
            if !self.interrupted {
                self.start_jobs(scheduler, observer);
            }
            if self.in_progress.is_empty() && (self.waiting.is_empty() || self.interrupted) {
                return self.into_left_jobs();
            }
            match scheduler.next_event() {
                SchedulerEvent::CallEnded(job_call, response) => {
                    self.handle_response(scheduler, observer, job_call, &response)
                }
                SchedulerEvent::Interrupted if self.interrupted => return self.into_left_jobs(),
                SchedulerEvent::Interrupted => {
                    self.interrupted = true;
                    let count = self.in_progress.len();
                    print_error_line!("\nfinishing the {count} in progress; interrupt again to end at once");
                }
                SchedulerEvent::Idle => {}
            }
            let left_count = self.waiting.len().saturating_add(self.in_progress.len());
            let left = self.waiting.iter().chain(self.in_progress.values().map(|(job, _)| job));
            observer.progress(left, left_count);
        }
    }

    fn into_left_jobs(self) -> (Vec<Job>, Option<Interrupted>) {
        let in_progress = self.in_progress.into_values().map(|(job, _)| job);
        let left = self.waiting.into_iter().chain(in_progress).collect();
        (left, self.interrupted.then_some(Interrupted))
    }

    fn start_jobs(&mut self, scheduler: &mut CallScheduler, observer: &mut impl JobObserver) {
        let now = now();
        while self.in_progress.len() < JOBS_MAX
            && let Some(index) = self.waiting.iter().position(|job| job.not_before <= now)
            && let Some(mut job) = self.waiting.remove(index)
        {
            job.attempts = job.attempts.saturating_add(1);
            self.last_job_id = self.last_job_id.saturating_add(1);
            match Reconciliation::begin(self.state, now, job.target.clone(), self.intent) {
                Ok((reconciliation, next)) => {
                    self.in_progress.insert(self.last_job_id, (job, reconciliation));
                    self.continue_job(scheduler, observer, self.last_job_id, next);
                }
                Err(failure) => {
                    let failed = Conclusion { failure: Some(failure), ..Conclusion::default() };
                    observer.conclude(&job, failed);
                }
            }
        }
    }

    fn handle_response(
        &mut self,
        scheduler: &mut CallScheduler,
        observer: &mut impl JobObserver,
        job_call: JobCall,
        response: &CallOutcome,
    ) {
        let JobCall { job_id, call } = job_call;
        let Some(next) = self.advance(job_id, call, response) else { return };
        self.continue_job(scheduler, observer, job_id, next);
    }

    fn advance(&mut self, job_id: usize, call: CallId, response: &CallOutcome) -> Option<ReconciliationStep> {
        let (_, reconciliation) = self.in_progress.get_mut(&job_id)?;
        Some(reconciliation.handle_outcome(self.state, now(), call, &response.outcome()))
    }

    fn continue_job(
        &mut self,
        scheduler: &mut CallScheduler,
        observer: &mut impl JobObserver,
        job_id: usize,
        next: ReconciliationStep,
    ) {
        let conclusion = match next {
            ReconciliationStep::Call(calls) => return scheduler.enqueue(job_id, calls),
            ReconciliationStep::Done(conclusion) => *conclusion,
        };
        scheduler.cancel(job_id);
        let Some((job, _)) = self.in_progress.remove(&job_id) else { return };
        let is_transient = conclusion.failure.as_ref().is_some_and(|failure| failure.is_transient);
        // The next attempt will find nothing to change where this one has written, so what this one wrote is
        // recorded now.
        if is_transient && job.attempts < ATTEMPTS_MAX && !self.interrupted {
            let not_before = now().plus(backoff(job.attempts, None));
            observer.conclude(&job, Conclusion { failure: None, ..written_before(conclusion) });
            self.waiting.push_back(Job { not_before, ..job });
        } else {
            observer.conclude(&job, conclusion);
        }
    }
}

/// Returns what a failed attempt has written: the changes that Clerk confirmed, and their audit lines.
fn written_before(conclusion: Conclusion) -> Conclusion {
    let outcomes = conclusion.outcomes.into_iter().filter(|outcome| outcome.change.is_some()).collect();
    let is_audit = |report: &Report| matches!(report, Report::Line(Level::Info, _));
    let reports = conclusion.reports.into_iter().filter(is_audit).collect();
    Conclusion { outcomes, reports, ..conclusion }
}
