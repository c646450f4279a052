//! Counts one request in the local store: loads the bucket, adds the request's cost, and swaps the bucket;
//! repeats if another worker has changed the bucket.

use super::loss_log::LostCounters;
use super::{LocalStore, SeedProgress, SeedUpdate};
use crate::gate::metrics::GateMetrics;
use crate::gate::store::{Charge, Counted, CounterOwner, Counting, LimitState};
use crate::machine::{Action, Input};
use crate::quota::{Callers, CounterKey, Decision, Fingerprint, SWAP_TRIES_MAX, Spent, WindowState, spend};
use crate::report::Report;
use crate::shared::{Change, SharedUpdate, UpdateProgress};
use crate::time::Micros;
use std::rc::Rc;

/// A request that is being counted.
#[derive(Debug)]
pub(in crate::gate) struct LocalCounting {
    store: Rc<LocalStore>,
    callers: Callers,
    charge: Charge,
    step: LocalStep,
}

/// The input that the request waits for.
#[derive(Debug)]
enum LocalStep {
    /// The update that reads the shared seed, and the owner's bytes, whose counters the seed locates.
    Seed(SeedUpdate, Vec<u8>),
    /// The result of the update of the counter's bucket.
    Counter(Fingerprint, SharedUpdate<(SpendResult, LostCounters)>),
    /// No further input.
    Ended,
}

/// The result of spending, which holds once the update of the bucket is done.
#[derive(Debug)]
enum SpendResult {
    /// The request is admitted.
    Admitted(Vec<WindowState>),
    /// The limit is reached until this time.
    Exhausted(Vec<WindowState>, Micros),
}

impl LocalCounting {
    /// Starts to count a request of `owner`.
    pub(in crate::gate) fn begin(store: Rc<LocalStore>, owner: CounterOwner<'_>, charge: Charge) -> Counted {
        let counting = LocalCounting { store, callers: owner.callers(), charge, step: LocalStep::Ended };
        match counting.store.find_seed() {
            Some((update, action)) => {
                counting.perform(LocalStep::Seed(update, owner.bytes().to_vec()), action)
            }
            None => counting.count(owner.bytes()),
        }
    }

    fn perform(mut self, step: LocalStep, action: Action) -> Counted {
        self.step = step;
        Counted::Perform(Counting::Local(self), action)
    }

    /// Starts the update of the counter, whose location is known now.
    fn count(self, owner: &[u8]) -> Counted {
        let Some(tables) = self.store.tables.get() else { return Counted::Unavailable };
        let CounterKey { shared_key, fingerprint } = tables.key(self.callers, owner, &self.charge.limit);
        let (update, action) = SharedUpdate::begin(shared_key, SWAP_TRIES_MAX);
        self.perform(LocalStep::Counter(fingerprint, update), action)
    }

    /// Continues with an input.
    pub(in crate::gate) fn advance(
        mut self,
        metrics: &GateMetrics,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Counted {
        let (fingerprint, mut update) = match std::mem::replace(&mut self.step, LocalStep::Ended) {
            LocalStep::Seed(mut update, owner) => {
                return match self.store.seed(&mut update, input) {
                    SeedProgress::Perform(action) => self.perform(LocalStep::Seed(update, owner), action),
                    SeedProgress::Known => self.count(&owner),
                    SeedProgress::Failed => {
                        self.store.loss_log.borrow_mut().report_unreadable_seed(now, reports);
                        Counted::Unavailable
                    }
                };
            }
            LocalStep::Counter(fingerprint, update) => (fingerprint, update),
            LocalStep::Ended => return Counted::Unavailable,
        };
        let charge = &self.charge;
        let progress = update
            .handle(input, |value| change(spend(value, fingerprint, &charge.windows, charge.cost, now)));
        let (result, lost) = match progress {
            UpdateProgress::Continue(action) => {
                return self.perform(LocalStep::Counter(fingerprint, update), action);
            }
            UpdateProgress::Done(done) => done,
            // Other workers won every swap.
            UpdateProgress::GaveUp(_) => return Counted::Unavailable,
        };
        self.store.loss_log.borrow_mut().report(metrics, self.callers, lost, now, reports);
        let limit = self.charge.limit;
        match result {
            SpendResult::Admitted(windows) => Counted::Admitted(LimitState { limit, windows }),
            SpendResult::Exhausted(windows, reset) => {
                Counted::Exhausted { state: LimitState { limit, windows }, reset }
            }
        }
    }
}

/// Returns the change of the bucket, with the result and the lost counters that hold once the change is stored.
fn change(spent: Spent) -> Change<(SpendResult, LostCounters)> {
    let lost = LostCounters::of(&spent);
    match (spent.decision, spent.new_bytes) {
        (Decision::Admitted, Some(bytes)) => {
            Change::Write(bytes, (SpendResult::Admitted(spent.states), lost))
        }
        (Decision::Admitted, None) => Change::Keep((SpendResult::Admitted(spent.states), lost)),
        (Decision::Refused { reset, .. }, _) => {
            Change::Keep((SpendResult::Exhausted(spent.states, reset), lost))
        }
        // A request that never fits is refused before it is counted.
        (Decision::NeverFits, _) => {
            let reset = latest_reset(&spent.states);
            Change::Keep((SpendResult::Exhausted(spent.states, reset), lost))
        }
    }
}

fn latest_reset(states: &[WindowState]) -> Micros {
    states.iter().map(WindowState::reset).max().unwrap_or_default()
}
