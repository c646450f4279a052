//! Counts one request in the local store: load, spend, swap, and again while other workers are faster.

use super::{LocalStore, Seeding};
use crate::alarm::{Alarm, AlarmCode};
use crate::gate::metrics::{GateEvent, GateMetrics};
use crate::gate::store::{Charge, Counted, CounterOwner, Counting, LimitState};
use crate::machine::{Action, Input};
use crate::quota::{Decision, Place, SWAP_TRIES_MAX, WindowState, spend};
use crate::report::Report;
use crate::time::Micros;
use std::rc::Rc;

/// A request that is being counted.
#[derive(Debug)]
pub(in crate::gate) struct LocalCounting {
    store: Rc<LocalStore>,
    charge: Charge,
    /// Where; `None` before the seed is known.
    place: Option<Place>,
    tries: u32,
    /// How the windows stand if the swap under way succeeds.
    then: Vec<WindowState>,
}

impl LocalCounting {
    /// Begins with the counters of that owner.
    pub(in crate::gate) fn begin(store: Rc<LocalStore>, owner: CounterOwner<'_>, charge: Charge) -> Counted {
        let seeding = store.seeding();
        LocalCounting { store, charge, place: None, tries: 0, then: Vec::new() }.locate(owner, seeding)
    }

    fn perform(self, action: Action) -> Counted {
        Counted::Perform(Counting::Local(self), action)
    }

    fn locate(mut self, owner: CounterOwner<'_>, seeding: Seeding) -> Counted {
        match seeding {
            Seeding::Ask(action) => self.perform(action),
            Seeding::Done => {
                self.place =
                    self.store.tables.get().map(|tables| owner.local_place(tables, &self.charge.limit));
                self.load()
            }
            Seeding::Failed => Counted::Unavailable,
        }
    }

    fn load(mut self) -> Counted {
        self.tries = self.tries.saturating_add(1);
        match &self.place {
            Some(place) if self.tries <= SWAP_TRIES_MAX => {
                let key = place.key.clone();
                self.perform(Action::Load { key })
            }
            // Other workers were faster each time.
            _ => Counted::Unavailable,
        }
    }

    /// Continues with what the host says.
    pub(in crate::gate) fn advance(
        mut self,
        owner: CounterOwner<'_>,
        metrics: &GateMetrics,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Counted {
        let Some(place) = &self.place else {
            let seeding = self.store.seed(input);
            return self.locate(owner, seeding);
        };
        match *input {
            Input::Loaded { value, version } => {
                let Charge { windows, cost, limit } = &self.charge;
                let spent = spend(value, place.fingerprint, windows, *cost, now);
                report_losses(metrics, owner, spent.evicted, spent.unreadable, reports);
                let state = LimitState { limit: limit.clone(), windows: spent.states };
                match (spent.decision, spent.new_bytes) {
                    (Decision::Admitted, Some(value)) => {
                        let key = place.key.clone();
                        self.then = state.windows;
                        self.perform(Action::Swap { key, value, version })
                    }
                    (Decision::Admitted, None) => Counted::Admitted(state),
                    (Decision::Refused { reset, .. }, _) => Counted::Exhausted { state, reset },
                    // The plan was asked before whether it ever fits.
                    (Decision::NeverFits, _) => {
                        Counted::Exhausted { reset: latest_reset(&state.windows), state }
                    }
                }
            }
            Input::Swapped { stored: true } => {
                Counted::Admitted(LimitState { limit: self.charge.limit, windows: self.then })
            }
            Input::Swapped { stored: false } => self.load(),
            _ => self.perform(Action::Wait),
        }
    }
}

fn latest_reset(states: &[WindowState]) -> Micros {
    states.iter().map(WindowState::reset).max().unwrap_or_default()
}

fn report_losses(
    metrics: &GateMetrics,
    owner: CounterOwner<'_>,
    evicted: u32,
    unreadable: bool,
    reports: &mut Vec<Report>,
) {
    if evicted > 0 {
        let cure = "more subjects than the local store has room for: use `store: {ratelimit: …}`";
        let event = match owner {
            CounterOwner::Subject(_) => GateEvent::Evicted,
            CounterOwner::Network(_) => GateEvent::AnonymousEvicted,
        };
        reports.push(metrics.happened(event));
        let alarm = Alarm::warning(AlarmCode::CountersEvicted, cure);
        reports.push(alarm.with("counters_lost", evicted).with("cure", cure).into());
    }
    if unreadable {
        let cure = "another plugin writes to the shared data of this vm_id: give Tollgate one of its own";
        reports.push(metrics.happened(GateEvent::StoreFailed));
        let alarm = Alarm::error(AlarmCode::CountersUnreadable, cure);
        reports.push(alarm.with("counters_lost", 0).with("cure", cure).into());
    }
}
