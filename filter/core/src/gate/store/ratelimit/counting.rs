//! Counts one request in envoyproxy/ratelimit: reads the counter first if a refused addition would do harm,
//! then adds.
//!
//! ```text
//! Started ─┬─► Querying ─┬─► Adding ─► Admitted or Exhausted
//!          │      ▲──────┤
//!          │             └─► Exhausted
//!          ├─► Adding
//!          └─► Exhausted, if an observed refusal still applies
//! ```

use super::observed_counter::{AdditionInFlight, ObservedCounter};
use super::{RatelimitStore, WindowsInquiry, WindowsQuery};
use crate::gate::store::{Charge, Counted, CounterOwner, Counting, LimitState};
use crate::http::{Callout, Outcome};
use crate::machine::{Action, CallId, Input};
use crate::quota::ratelimit::{CounterOf, NextCall};
use crate::quota::{Decision, WindowState, decide};
use crate::report::Report;
use crate::time::Micros;
use std::rc::Rc;
use std::time::Duration;

/// The maximum number of queries of one request, while other requests of its subject are being counted.
const QUERIES_MAX: u32 = 64;

/// The shortest timeout of a call. To Envoy, 0 means no timeout.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

/// A request that is being counted.
#[derive(Debug)]
pub(in crate::gate) struct RatelimitCounting {
    store: Rc<RatelimitStore>,
    of: CounterOf,
    counter: Rc<ObservedCounter>,
    charge: Charge,
    /// The end of the store's timeout.
    deadline: Micros,
    queries: u32,
    step: RatelimitStep,
}

/// The input that the request waits for.
#[derive(Debug)]
enum RatelimitStep {
    /// No input yet.
    Started,
    /// The windows. `responses` is the number of responses to queries when the wait started.
    Querying { responses: u32 },
    /// The response to the addition.
    Adding { query: WindowsQuery, _in_flight: AdditionInFlight },
}

impl RatelimitCounting {
    /// Starts to count a request, with what was observed of its counter.
    pub(in crate::gate) fn begin(
        store: Rc<RatelimitStore>,
        owner: CounterOwner<'_>,
        charge: Charge,
        recheck: bool,
        now: Micros,
    ) -> Counted {
        let of = owner.descriptor(&charge.limit);
        let counter = store.counter(owner, &of);
        let deadline = now.plus(store.timeout);
        let next = counter.usage().first(&charge.windows, charge.cost, recheck, now);
        let step = RatelimitStep::Started;
        RatelimitCounting { store, of, counter, charge, deadline, queries: 0, step }.next(now, next)
    }

    /// Continues with an input.
    pub(in crate::gate) fn advance(
        self,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Counted {
        match (&self.step, input) {
            (RatelimitStep::Querying { .. }, Input::InquiryStarted) => match self.counter.query_in_progress()
            {
                Some(inquiry) => self.perform(Action::AwaitInquiry(inquiry)),
                None => self.query_ended(now),
            },
            (RatelimitStep::Querying { .. }, Input::InquiryEnded) => self.query_ended(now),
            (RatelimitStep::Adding { .. }, Input::CalloutEnded { outcome, .. }) => {
                self.added(now, outcome, reports)
            }
            // An unexpected input changes nothing.
            _ => self.perform(Action::Wait),
        }
    }

    fn perform(self, action: Action) -> Counted {
        Counted::Perform(Counting::Ratelimit(self), action)
    }

    fn next(self, now: Micros, next: NextCall) -> Counted {
        match next {
            NextCall::Refuse { reset } => {
                let states = self.counter.usage().states(&self.charge.windows, now);
                self.exhausted(states, reset)
            }
            // Other requests are still being counted, but this one must not wait longer.
            NextCall::Query if self.queries >= QUERIES_MAX || (self.queries > 0 && now >= self.deadline) => {
                self.add(now)
            }
            NextCall::Query => self.query(now),
            NextCall::Add => self.add(now),
        }
    }

    /// Reads the windows, or waits for the query of another request.
    fn query(mut self, now: Micros) -> Counted {
        self.queries = self.queries.saturating_add(1);
        self.step = RatelimitStep::Querying { responses: self.counter.responses() };
        if let Some(inquiry) = self.counter.query_in_progress() {
            return self.perform(Action::AwaitInquiry(inquiry));
        }
        let query = WindowsQuery::new(&self.charge.windows, now);
        let callout = self.callout(&query, 0, now);
        let (store, counter) = (Rc::clone(&self.store), Rc::clone(&self.counter));
        Counted::StartInquiry(Counting::Ratelimit(self), WindowsInquiry { store, counter, query }, callout)
    }

    /// Continues when the query has ended.
    fn query_ended(self, now: Micros) -> Counted {
        let RatelimitStep::Querying { responses } = self.step else { return self.perform(Action::Wait) };
        if responses == self.counter.responses() {
            return self.store.uncounted();
        }
        let Charge { windows, cost, .. } = &self.charge;
        let usage = self.counter.usage();
        let next = usage.after_reading(windows, *cost, self.counter.is_adding(), now);
        if matches!(next, NextCall::Refuse { .. }) {
            self.counter.refuse(&usage.states(windows, now), *cost);
        }
        self.next(now, next)
    }

    fn add(mut self, now: Micros) -> Counted {
        let query = WindowsQuery::new(&self.charge.windows, now);
        let callout = self.callout(&query, self.charge.cost, now);
        self.step = RatelimitStep::Adding { query, _in_flight: AdditionInFlight::begin(&self.counter) };
        self.perform(Action::Call(vec![(CallId(0), callout)]))
    }

    fn callout(&self, query: &WindowsQuery, hits: u64, now: Micros) -> Callout {
        let counters = query.0.iter().map(|(_, counter)| (&self.of, counter));
        self.store.callout(counters, hits, self.deadline.since(now).max(SHORTEST_TIMEOUT))
    }

    /// Decides by the response to the addition. Each addition sees all those before it, so of several
    /// concurrent requests, exactly as many are admitted as there is room for.
    fn added(self, now: Micros, outcome: &Outcome<'_>, reports: &mut Vec<Report>) -> Counted {
        let RatelimitStep::Adding { query, .. } = &self.step else { return self.perform(Action::Wait) };
        let Some(after) = query.read(&self.store, now, outcome, reports) else {
            return self.store.uncounted();
        };
        self.counter.observe_addition(&after);
        let cost = self.charge.cost;
        let before = |state: &WindowState| WindowState { used: state.used.saturating_sub(cost), ..*state };
        let before: Vec<WindowState> = after.iter().map(before).collect();
        match decide(&before, cost) {
            Decision::Admitted => Counted::Admitted(LimitState { limit: self.charge.limit, windows: after }),
            Decision::Refused { reset, .. } => {
                self.counter.refuse(&before, cost);
                self.exhausted(after, reset)
            }
            // The decision by the plan has already excluded this.
            Decision::NeverFits => self.exhausted(after, now),
        }
    }

    fn exhausted(self, mut states: Vec<WindowState>, reset: Micros) -> Counted {
        cap(&mut states);
        Counted::Exhausted { state: LimitState { limit: self.charge.limit, windows: states }, reset }
    }
}

/// Caps each use at its maximum. Refused requests may have been counted, but no one can have used more than
/// the maximum.
pub(super) fn cap(states: &mut [WindowState]) {
    for state in states {
        state.used = state.used.min(state.max);
    }
}
