//! Performs the reads of an inspection.

use crate::api_calls::{CallOutcome, CallScheduler, JobCall, SchedulerEvent};
use crate::clock::now;
use crate::sync::{CensusError, Interrupted, Job, JobObserver, Work, census};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tollgate_core::backfill::{Candidate, Conclusion, Intent, Scope, SyncState, Target};
use tollgate_core::inspection::{
    AccountReading, Accounts, InspectedDocument, SAMPLE_PAGES_MAX, SubjectSample,
};
use tollgate_core::plan_table::PlanTable;
use tollgate_core::time::Micros;

/// The id of the reads among the scheduler's jobs. The jobs of the sample count from 0.
const READS: usize = usize::MAX;

/// What was read of the accounts.
pub(super) struct AccountsRead {
    pub(super) accounts: Accounts,
    /// How many seconds this machine's clock is ahead of Stripe's.
    pub(super) clock_ahead_s: Option<i64>,
}

/// Reads what the document refers to.
///
/// # Errors
/// [`Interrupted`].
pub(super) fn accounts(
    scheduler: &mut CallScheduler,
    document: &InspectedDocument,
) -> Result<AccountsRead, Interrupted> {
    let (mut reading, calls) = AccountReading::begin(document);
    scheduler.enqueue(READS, calls);
    let mut clock_ahead_s: Option<i64> = None;
    while !reading.is_complete() {
        match scheduler.next_event() {
            SchedulerEvent::CallEnded(JobCall { job_id: READS, call }, response) => {
                if reading.is_of_stripe(call)
                    && let Some(ahead_s) = clock_ahead(&response, now())
                {
                    // A response may be late; the one that shows the least difference was the fastest.
                    let least = clock_ahead_s.filter(|least| least.unsigned_abs() <= ahead_s.unsigned_abs());
                    clock_ahead_s = least.or(Some(ahead_s));
                }
                let next = reading.handle_outcome(document, call, &response.outcome());
                scheduler.enqueue(READS, next);
            }
            SchedulerEvent::CallEnded(..) | SchedulerEvent::Idle => {}
            SchedulerEvent::Interrupted => return Err(Interrupted),
        }
    }
    Ok(AccountsRead { accounts: reading.into_accounts(), clock_ahead_s })
}

/// Returns how many seconds `now` is ahead of the time in a response's `Date` (RFC 9110 section 5.6.7).
fn clock_ahead(response: &CallOutcome, now: Micros) -> Option<i64> {
    let CallOutcome::Http { headers, .. } = response else { return None };
    let date = std::str::from_utf8(headers.get("date")?).ok()?;
    let date = OffsetDateTime::parse(date, &Rfc2822).ok()?.unix_timestamp();
    i64::try_from(now.as_secs()).ok()?.checked_sub(date)
}

/// Rehearses the sync of a sample of subjects.
///
/// # Errors
/// [`Interrupted`].
pub(super) fn sample(
    scheduler: &mut CallScheduler,
    mut state: SyncState,
    plans: &PlanTable,
) -> Result<SubjectSample, Interrupted> {
    let mut sample = SubjectSample::default();
    let scope = Scope::Sample { pages_max: SAMPLE_PAGES_MAX };
    let selected = match census(scheduler, &state, scope, |_| {}) {
        Ok(found) => sample.select(found),
        Err(CensusError::Interrupted) => return Err(Interrupted),
        Err(CensusError::Failed(error)) => {
            sample.fail(&error);
            return Ok(sample);
        }
    };
    let job = |Candidate { subject, customers, trusted, .. }| {
        Job::new(Target::Subject { subject, customers, trusted })
    };
    let jobs = selected.into_iter().map(job).collect();
    let mut observer = SampleObserver { sample: &mut sample, plans };
    match Work::new(&mut state, Intent::DryRun, jobs).run(scheduler, &mut observer) {
        (_, None) => Ok(sample),
        (_, Some(_)) => Err(Interrupted),
    }
}

/// Stores the conclusions in the sample.
struct SampleObserver<'a> {
    sample: &'a mut SubjectSample,
    plans: &'a PlanTable,
}

impl JobObserver for SampleObserver<'_> {
    fn conclude(&mut self, job: &Job, conclusion: Conclusion) {
        if let Target::Subject { subject, .. } = &job.target {
            self.sample.record(subject, &conclusion, self.plans);
        }
    }

    fn progress<'j>(&mut self, _: impl Iterator<Item = &'j Job>, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::http::HeaderMap;

    #[test]
    fn the_clock_is_compared_with_the_date_of_a_response() {
        let ahead = |date: &str| {
            let headers = HeaderMap::from_fields([(&b"date"[..], date.as_bytes())]);
            let response = CallOutcome::Http { status: 200, headers, body: Vec::new() };
            clock_ahead(&response, Micros::from_secs(784_111_780))
        };
        assert_eq!(ahead("Sun, 06 Nov 1994 08:49:37 GMT"), Some(3));
        assert_eq!(ahead("Sun, 06 Nov 1994 08:59:40 GMT"), Some(-600));
        assert_eq!(ahead("yesterday"), None);
        assert_eq!(clock_ahead(&CallOutcome::TimedOut, Micros::default()), None);
    }
}
