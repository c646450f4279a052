//! Counts one request in the local store: load, spend, swap, and again while other workers are faster.

use super::{LocalStore, Seeding};
use crate::alarm::{Alarm, AlarmCode};
use crate::gate::metrics::Event;
use crate::gate::spender::Spender;
use crate::gate::store::{self, Counted, Spending, Standing, Store};
use crate::gate::worker::Worker;
use crate::machine::{Action, Input};
use crate::quota::{Decision, Place, SWAP_TRIES_MAX, WindowState, spend};
use crate::report::Report;
use crate::time::Micros;

/// A request that is being counted.
#[derive(Debug)]
pub(in crate::gate) struct Counting {
    spending: Spending,
    /// Where; `None` before the seed is known.
    place: Option<Place>,
    tries: u32,
    /// How the windows stand if the swap under way succeeds.
    then: Vec<WindowState>,
}

impl Counting {
    /// Begins with the counters of that spender.
    pub(in crate::gate) fn begin(store: &LocalStore, spender: &Spender, spending: Spending) -> Counted {
        let counting = Counting { spending, place: None, tries: 0, then: Vec::new() };
        counting.locate(store, spender, store.seeding())
    }

    fn ask(self, action: Action) -> Counted {
        Counted::Ask(store::Counting::Local(self), action)
    }

    fn locate(mut self, store: &LocalStore, spender: &Spender, seeding: Seeding) -> Counted {
        match seeding {
            Seeding::Ask(action) => self.ask(action),
            Seeding::Done => {
                self.place =
                    store.tables.as_ref().and_then(|tables| spender.place(tables, &self.spending.limit));
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
                self.ask(Action::Load { key })
            }
            // There is no such spender, or other workers were faster each time.
            _ => Counted::Unavailable,
        }
    }

    /// Goes on with what the store says.
    pub(in crate::gate) fn go_on(
        mut self,
        worker: &mut Worker,
        spender: &Spender,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Counted {
        let Some(place) = &self.place else {
            let Store::Local(store) = &mut worker.store else { return Counted::Unavailable };
            let seeding = store.seed(input);
            return self.locate(store, spender, seeding);
        };
        match *input {
            Input::Loaded { value, version } => {
                let Spending { windows, cost, limit } = &self.spending;
                let spent = spend(value, place.fingerprint, windows, *cost, now);
                report_losses(worker, spender, spent.evicted, spent.unreadable, reports);
                let standing = Standing { limit: limit.clone(), states: spent.states };
                match (spent.decision, spent.new_bytes) {
                    (Decision::Admitted, Some(value)) => {
                        let key = place.key.clone();
                        self.then = standing.states;
                        self.ask(Action::Swap { key, value, version })
                    }
                    (Decision::Admitted, None) => Counted::Admitted(standing),
                    (Decision::Refused { reset, .. }, _) => Counted::Exhausted { standing, reset },
                    // The plan was asked before whether it ever fits.
                    (Decision::NeverFits, _) => {
                        Counted::Exhausted { reset: latest_reset(&standing.states), standing }
                    }
                }
            }
            Input::Swapped { stored: true } => {
                Counted::Admitted(Standing { limit: self.spending.limit, states: self.then })
            }
            Input::Swapped { stored: false } => self.load(),
            _ => self.ask(Action::Wait),
        }
    }
}

fn latest_reset(states: &[WindowState]) -> Micros {
    states.iter().map(WindowState::reset).max().unwrap_or_default()
}

fn report_losses(
    worker: &Worker,
    spender: &Spender,
    evicted: u32,
    unreadable: bool,
    reports: &mut Vec<Report>,
) {
    if evicted > 0 {
        let cure = "more subjects than the local store has room for: use `store: {ratelimit: …}`";
        let event = if spender.caller().is_some() { Event::Evicted } else { Event::AnonymousEvicted };
        reports.push(worker.metrics.happened(event));
        let alarm = Alarm::warning(AlarmCode::CountersEvicted, cure);
        reports.push(alarm.with("counters_lost", evicted).with("cure", cure).into());
    }
    if unreadable {
        let cure = "another plugin writes to the shared data of this vm_id: give Tollgate one of its own";
        reports.push(worker.metrics.happened(Event::StoreFailed));
        let alarm = Alarm::error(AlarmCode::CountersUnreadable, cure);
        reports.push(alarm.with("counters_lost", 0).with("cure", cure).into());
    }
}
