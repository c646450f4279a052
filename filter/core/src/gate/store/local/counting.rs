//! Counts one request in the local store: load, spend, swap, and again while other workers are faster.

use super::metrics::Event;
use super::worker::Worker;
use crate::machine::{Action, Input};
use crate::plan_table::Window;
use crate::quota::{Decision, Place, SWAP_TRIES_MAX, WindowState, spend};
use crate::report::{Level, Report};
use crate::time::Micros;
use serde::Serialize;

/// A request that is being counted.
#[derive(Debug)]
pub(super) struct Counting {
    place: Place,
    limit: String,
    windows: Vec<Window>,
    cost: u64,
    tries: u32,
    /// How the windows stand if the swap under way succeeds.
    then: Vec<WindowState>,
}

/// How far it has come.
#[derive(Debug)]
pub(super) enum Counted {
    /// The store must be asked first.
    Ask(Counting, Action),
    /// It is counted, and goes on.
    Admitted(Standing),
    /// There is no room for it until `reset`; it counts nowhere.
    Exhausted {
        /// How the windows stand.
        standing: Standing,
        /// When the last of the windows without room begins anew.
        reset: Micros,
    },
    /// Other workers were faster each time. Serving it uncounted would break the limit.
    Unavailable,
}

/// How the windows of a limit stand.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The limit's name.
    pub(super) limit: String,
    /// In the plan's order.
    pub(super) states: Vec<WindowState>,
}

impl Counting {
    /// Begins with the counters at `place`.
    pub(super) fn begin(place: Place, limit: String, windows: Vec<Window>, cost: u64) -> Counted {
        Counting { place, limit, windows, cost, tries: 0, then: Vec::new() }.load()
    }

    fn load(mut self) -> Counted {
        self.tries = self.tries.saturating_add(1);
        if self.tries > SWAP_TRIES_MAX {
            return Counted::Unavailable;
        }
        let key = self.place.key.clone();
        Counted::Ask(self, Action::Load { key })
    }

    /// Goes on with what the store says.
    pub(super) fn go_on(
        mut self,
        worker: &Worker,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Counted {
        match *input {
            Input::Loaded { value, version } => {
                let spending = spend(value, self.place.fingerprint, &self.windows, self.cost, now);
                report_losses(worker, spending.evicted, spending.unreadable, reports);
                let standing = Standing { limit: self.limit.clone(), states: spending.states };
                match (spending.decision, spending.new_bytes) {
                    (Decision::Admitted, Some(value)) => {
                        self.then = standing.states;
                        let key = self.place.key.clone();
                        Counted::Ask(self, Action::Swap { key, value, version })
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
                Counted::Admitted(Standing { limit: self.limit, states: self.then })
            }
            Input::Swapped { stored: false } => self.load(),
            _ => Counted::Ask(self, Action::Wait),
        }
    }
}

fn latest_reset(states: &[WindowState]) -> Micros {
    states.iter().map(WindowState::reset).max().unwrap_or_default()
}

fn report_losses(worker: &Worker, evicted: u32, unreadable: bool, reports: &mut Vec<Report>) {
    #[derive(Serialize)]
    struct Line {
        alarm: &'static str,
        counters_lost: u32,
        cure: &'static str,
    }
    if evicted > 0 {
        let cure = "more subjects than the local store has room for: use `store: {ratelimit: …}`";
        reports.push(worker.metrics.happened(Event::Evicted));
        reports.push(Report::json(
            Level::Warn,
            &Line { alarm: "counters_evicted", counters_lost: evicted, cure },
        ));
    }
    if unreadable {
        let cure = "another plugin writes to the shared data of this vm_id: give Tollgate one of its own";
        reports.push(worker.metrics.happened(Event::StoreFailed));
        reports
            .push(Report::json(Level::Error, &Line { alarm: "counters_unreadable", counters_lost: 0, cure }));
    }
}
