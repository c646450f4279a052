//! Counts one request in the local store: loads the bucket, adds the request's cost, and swaps the bucket;
//! repeats if another worker has changed the bucket.

use super::{LocalStore, SeedProgress, SeedUpdate};
use crate::alarm::{Alarm, AlarmCode};
use crate::gate::metrics::{GateEvent, GateMetrics};
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
    Counter(Fingerprint, SharedUpdate<SpendResult>),
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
                    SeedProgress::Failed => Counted::Unavailable,
                };
            }
            LocalStep::Counter(fingerprint, update) => (fingerprint, update),
            LocalStep::Ended => return Counted::Unavailable,
        };
        let charge = &self.charge;
        let progress = update.handle(input, |value| {
            let spent = spend(value, fingerprint, &charge.windows, charge.cost, now);
            report_losses(metrics, self.callers, &spent, reports);
            change(spent)
        });
        match progress {
            UpdateProgress::Continue(action) => self.perform(LocalStep::Counter(fingerprint, update), action),
            UpdateProgress::Done(SpendResult::Admitted(windows)) => {
                Counted::Admitted(LimitState { limit: self.charge.limit, windows })
            }
            UpdateProgress::Done(SpendResult::Exhausted(windows, reset)) => {
                Counted::Exhausted { state: LimitState { limit: self.charge.limit, windows }, reset }
            }
            // Other workers won every swap.
            UpdateProgress::GaveUp(_) => Counted::Unavailable,
        }
    }
}

/// Returns the change of the bucket, with the result that holds once the change is stored.
fn change(spent: Spent) -> Change<SpendResult> {
    match (spent.decision, spent.new_bytes) {
        (Decision::Admitted, Some(bytes)) => Change::Write(bytes, SpendResult::Admitted(spent.states)),
        (Decision::Admitted, None) => Change::Keep(SpendResult::Admitted(spent.states)),
        (Decision::Refused { reset, .. }, _) => Change::Keep(SpendResult::Exhausted(spent.states, reset)),
        // A request that never fits is refused before it is counted.
        (Decision::NeverFits, _) => {
            let reset = latest_reset(&spent.states);
            Change::Keep(SpendResult::Exhausted(spent.states, reset))
        }
    }
}

fn latest_reset(states: &[WindowState]) -> Micros {
    states.iter().map(WindowState::reset).max().unwrap_or_default()
}

pub(in crate::gate) fn report_losses(
    metrics: &GateMetrics,
    callers: Callers,
    spent: &Spent,
    reports: &mut Vec<Report>,
) {
    if spent.evicted > 0 {
        let detail = "more subjects than the local store has room for: use `store: {ratelimit: …}`";
        let event = match callers {
            Callers::SignedIn => GateEvent::Evicted,
            Callers::Anonymous => GateEvent::AnonymousEvicted,
        };
        reports.push(metrics.count_event(event));
        let alarm = Alarm::warning(AlarmCode::CountersEvicted, detail);
        reports.push(alarm.with("counters_lost", spent.evicted).with("cure", detail).into());
    }
    if spent.unreadable {
        let detail = "another plugin writes to the shared data of this vm_id: give Tollgate one of its own";
        reports.push(metrics.count_event(GateEvent::StoreFailed));
        let alarm = Alarm::error(AlarmCode::CountersUnreadable, detail);
        // How many counters the unreadable bucket had is unknown.
        reports.push(alarm.with("counters_lost", 0).with("cure", detail).into());
    }
}
