//! Performs the effects that an endpoint asks for, by the actions of its request.
//!
//! ```text
//! resume ─▶ Effect ─▶ Action ─▶ Input ─▶ … ─▶ EffectResult ─▶ resume ─▶ … ─▶ Ended
//! ```

use super::effects::{Effect, EffectResult, EndpointProgress, EndpointResult, OwnedOutcome, RunningEndpoint};
use super::metrics;
use super::prices::PriceStep;
use super::worker::{BillingInquiryPurpose, BillingWorker};
use crate::http::Callout;
use crate::machine::{Action, CallId, Input};
use crate::report::Report;
use crate::sorted::SortedMap;
use crate::sync::{Deadline, PlanSync, RecordedSync, SyncError, SyncProgress, SyncStep};
use crate::time::Micros;
use std::time::Duration;

/// The maximum duration of reading an account.
const READ_TIME: Duration = Duration::from_secs(8);

/// The maximum duration of a sync.
const SYNC_TIME: Duration = Duration::from_secs(8);

/// An endpoint that waits for an effect.
#[derive(Debug)]
pub(super) struct Running {
    endpoint: RunningEndpoint,
    wait: Wait,
    numbers: CallNumbers,
}

/// The effect that is in progress.
#[derive(Debug)]
enum Wait {
    /// Callouts; those without an outcome yet are `None`.
    Callouts(Vec<Option<OwnedOutcome>>),
    Reading(Box<PlanSync>),
    Syncing(Box<RecordedSync>),
    Prices,
    Shared,
}

/// The state of a request after an input.
#[derive(Debug)]
pub(super) enum Progress {
    /// The host performs this action next.
    Perform(Box<Running>, Action),
    /// The endpoint has ended.
    Ended(EndpointResult),
}

/// The numbers of a request's callouts. Each effect numbers its callouts from zero. Renumbering them ensures
/// that an outcome that arrives after its effect has ended is not used for the next effect.
#[derive(Debug, Default)]
struct CallNumbers {
    last: u32,
    of_effect: SortedMap<CallId, CallId>,
}

impl CallNumbers {
    fn assign(&mut self, calls: Vec<(CallId, Callout)>) -> Action {
        if calls.is_empty() {
            return Action::Wait;
        }
        let mut assigned = Vec::with_capacity(calls.len());
        for (inner, callout) in calls {
            self.last = self.last.saturating_add(1);
            self.of_effect.insert(CallId(self.last), inner);
            assigned.push((CallId(self.last), callout));
        }
        Action::Call(assigned)
    }

    fn take(&mut self, call: CallId) -> Option<CallId> {
        self.of_effect.remove(&call)
    }
}

impl Running {
    /// Runs an endpoint until it waits for an effect, or ends.
    pub(super) fn start(
        endpoint: RunningEndpoint,
        worker: &mut BillingWorker,
        now: Micros,
        reports: &mut Vec<Report>,
    ) -> Progress {
        resume(endpoint, CallNumbers::default(), worker, now, None, reports)
    }

    /// Continues with an input.
    pub(super) fn handle(
        self,
        worker: &mut BillingWorker,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Progress {
        let Running { endpoint, wait, mut numbers } = self;
        let (wait, next) = match (wait, input) {
            (Wait::Callouts(slots), Input::CalloutEnded { call, outcome }) => {
                take_outcome(slots, numbers.take(*call), outcome.into())
            }
            (Wait::Reading(sync), Input::CalloutEnded { call, outcome }) => match numbers.take(*call) {
                Some(call) => {
                    let mut sync = sync;
                    let progress = sync.handle_outcome(&mut worker.sync, now, call, outcome);
                    read_further(sync, progress, &mut numbers)
                }
                None => (Wait::Reading(sync), Next::Perform(Action::Wait)),
            },
            (Wait::Syncing(sync), input) => sync_further(sync, worker, now, input, &mut numbers, reports),
            (Wait::Prices, Input::InquiryStarted | Input::InquiryEnded) => {
                (Wait::Prices, price_step(worker, now))
            }
            (Wait::Shared, Input::Loaded { value, version }) => {
                (Wait::Shared, Next::Resume(EffectResult::Loaded(value.map(<[u8]>::to_vec), *version)))
            }
            (Wait::Shared, Input::Swapped { stored }) => {
                (Wait::Shared, Next::Resume(EffectResult::Swapped(*stored)))
            }
            // Other inputs are ignored.
            (wait, _) => (wait, Next::Perform(Action::Wait)),
        };
        match next {
            Next::Perform(action) => Progress::Perform(Box::new(Running { endpoint, wait, numbers }), action),
            Next::Resume(result) => resume(endpoint, numbers, worker, now, Some(result), reports),
        }
    }
}

/// The next step after an input.
#[derive(Debug)]
enum Next {
    Perform(Action),
    Resume(EffectResult),
}

/// Resumes an endpoint until it asks for an effect that needs an action of the host, or ends.
fn resume(
    mut endpoint: RunningEndpoint,
    mut numbers: CallNumbers,
    worker: &mut BillingWorker,
    now: Micros,
    mut result: Option<EffectResult>,
    reports: &mut Vec<Report>,
) -> Progress {
    loop {
        numbers.of_effect.clear();
        let (suspended, effect) = match endpoint.resume(now, result.take(), reports) {
            EndpointProgress::Ended(result) => return Progress::Ended(result),
            EndpointProgress::Effect(suspended, effect) => (suspended, effect),
        };
        let (wait, next) = begin(effect, worker, now, &mut numbers);
        match next {
            Next::Perform(action) => {
                return Progress::Perform(Box::new(Running { endpoint: suspended, wait, numbers }), action);
            }
            Next::Resume(known) => (endpoint, result) = (suspended, Some(known)),
        }
    }
}

/// Begins an effect.
fn begin(effect: Effect, worker: &mut BillingWorker, now: Micros, numbers: &mut CallNumbers) -> (Wait, Next) {
    match effect {
        Effect::Call(callouts) => {
            let slots = callouts.iter().map(|_| None).collect();
            let calls = (0_u32..).map(CallId).zip(callouts).collect();
            match numbers.assign(calls) {
                Action::Wait => (Wait::Shared, Next::Resume(EffectResult::Outcomes(Vec::new()))),
                action => (Wait::Callouts(slots), Next::Perform(action)),
            }
        }
        Effect::ReadAccount(trigger) => {
            match PlanSync::begin(&worker.sync, now, *trigger, Deadline::new(now, READ_TIME)) {
                Ok((sync, calls)) => (Wait::Reading(Box::new(sync)), Next::Perform(numbers.assign(calls))),
                Err(error) => (Wait::Shared, Next::Resume(EffectResult::Account(Err(error)))),
            }
        }
        Effect::Sync(trigger) => {
            match RecordedSync::begin(&worker.sync, now, *trigger, Deadline::new(now, SYNC_TIME)) {
                Ok((sync, action)) => {
                    (Wait::Syncing(Box::new(sync)), Next::Perform(renumber(action, numbers)))
                }
                Err(_) => (Wait::Shared, Next::Resume(EffectResult::Synced(false))),
            }
        }
        Effect::Prices => (Wait::Prices, price_step(worker, now)),
        Effect::Load(key) => (Wait::Shared, Next::Perform(Action::Load { key })),
        Effect::Swap { key, value, version } => {
            (Wait::Shared, Next::Perform(Action::Swap { key, value, version }))
        }
    }
}

fn price_step(worker: &mut BillingWorker, now: Micros) -> Next {
    match worker.prices.step(now) {
        PriceStep::Ready(prices) => Next::Resume(EffectResult::Prices(Some(prices))),
        PriceStep::Unavailable => Next::Resume(EffectResult::Prices(None)),
        PriceStep::Await(inquiry) => Next::Perform(Action::AwaitInquiry(inquiry)),
        PriceStep::Start(index, callout) => {
            let inquiry = worker.inquiries.start(BillingInquiryPurpose::Price);
            worker.prices.started(index, inquiry);
            Next::Perform(Action::StartInquiry { inquiry, callout: Box::new(callout) })
        }
    }
}

fn take_outcome(
    mut slots: Vec<Option<OwnedOutcome>>,
    call: Option<CallId>,
    outcome: OwnedOutcome,
) -> (Wait, Next) {
    let slot = call.and_then(|CallId(index)| slots.get_mut(usize::try_from(index).ok()?));
    if let Some(slot) = slot {
        *slot = Some(outcome);
    }
    if slots.iter().any(Option::is_none) {
        return (Wait::Callouts(slots), Next::Perform(Action::Wait));
    }
    (Wait::Shared, Next::Resume(EffectResult::Outcomes(slots.into_iter().flatten().collect())))
}

fn read_further(
    mut sync: Box<PlanSync>,
    progress: Result<SyncProgress, SyncError>,
    numbers: &mut CallNumbers,
) -> (Wait, Next) {
    match progress {
        Ok(SyncProgress::Call(calls)) => (Wait::Reading(sync), Next::Perform(numbers.assign(calls))),
        Ok(SyncProgress::Done) => {
            let account = sync.take_account();
            (Wait::Shared, Next::Resume(EffectResult::Account(Ok(account))))
        }
        Err(error) => (Wait::Shared, Next::Resume(EffectResult::Account(Err(error)))),
    }
}

fn sync_further(
    mut sync: Box<RecordedSync>,
    worker: &mut BillingWorker,
    now: Micros,
    input: &Input<'_>,
    numbers: &mut CallNumbers,
    reports: &mut Vec<Report>,
) -> (Wait, Next) {
    let step = match input {
        Input::CalloutEnded { call, outcome } => match numbers.take(*call) {
            Some(call) => {
                sync.handle(&mut worker.sync, now, &Input::CalloutEnded { call, outcome: *outcome })
            }
            None => return (Wait::Syncing(sync), Next::Perform(Action::Wait)),
        },
        input => sync.handle(&mut worker.sync, now, input),
    };
    match step {
        SyncStep::Continue(action, lines) => {
            reports.extend(lines);
            (Wait::Syncing(sync), Next::Perform(renumber(action, numbers)))
        }
        SyncStep::Ended(mut end) => {
            reports.extend(metrics::SYNC.ended(&end, now));
            reports.append(&mut end.reports);
            (Wait::Shared, Next::Resume(EffectResult::Synced(end.result.is_ok())))
        }
    }
}

fn renumber(action: Action, numbers: &mut CallNumbers) -> Action {
    match action {
        Action::Call(calls) => numbers.assign(calls),
        action => action,
    }
}
