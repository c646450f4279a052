//! Counts one request in envoyproxy/ratelimit: asks first where a refused addition would do harm, then adds.

use super::observed_counter::{AdditionInFlight, CounterState};
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

/// How often one request asks at most, while others of its subject are being counted before it.
const QUESTIONS_MAX: u32 = 64;

/// Envoy takes 0 for no limit of time at all.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

/// A request that is being counted.
#[derive(Debug)]
pub(in crate::gate) struct RatelimitCounting {
    store: Rc<RatelimitStore>,
    of: CounterOf,
    counter: Rc<CounterState>,
    charge: Charge,
    /// When the store's time for it is over.
    deadline: Micros,
    questions: u32,
    step: RatelimitStep,
}

/// What is being waited for.
#[derive(Debug)]
enum RatelimitStep {
    /// Nothing yet.
    Begun,
    /// How the windows stand. `answers`: how many questions were answered when it began to wait.
    Asking { answers: u32 },
    /// That it is counted.
    Adding { query: WindowsQuery, _in_flight: AdditionInFlight },
}

impl RatelimitCounting {
    /// Begins with what is known.
    pub(in crate::gate) fn begin(
        store: Rc<RatelimitStore>,
        owner: CounterOwner<'_>,
        charge: Charge,
        doubted: bool,
        now: Micros,
    ) -> Counted {
        let of = owner.descriptor(&charge.limit);
        let counter = store.counter(owner, &of);
        let deadline = now.plus(store.timeout);
        let next = counter.usage().first(&charge.windows, charge.cost, doubted, now);
        let step = RatelimitStep::Begun;
        RatelimitCounting { store, of, counter, charge, deadline, questions: 0, step }.next(now, next)
    }

    /// Continues with what the host says.
    pub(in crate::gate) fn advance(
        self,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Counted {
        match (&self.step, input) {
            (RatelimitStep::Asking { .. }, Input::Inquired) => match self.counter.asking() {
                Some(inquiry) => self.perform(Action::Await(inquiry)),
                None => self.asked(now),
            },
            (RatelimitStep::Asking { .. }, Input::Settled) => self.asked(now),
            (RatelimitStep::Adding { .. }, Input::Answered { outcome, .. }) => {
                self.added(now, outcome, reports)
            }
            // What nobody asked for changes nothing.
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
            // Others go on being counted before it: now it is its turn.
            NextCall::Ask
                if self.questions >= QUESTIONS_MAX || (self.questions > 0 && now >= self.deadline) =>
            {
                self.add(now)
            }
            NextCall::Ask => self.ask(now),
            NextCall::Add => self.add(now),
        }
    }

    /// Asks, or waits for the answer to what another request has asked.
    fn ask(mut self, now: Micros) -> Counted {
        self.questions = self.questions.saturating_add(1);
        self.step = RatelimitStep::Asking { answers: self.counter.answers() };
        if let Some(inquiry) = self.counter.asking() {
            return self.perform(Action::Await(inquiry));
        }
        let query = WindowsQuery::new(&self.charge.windows, now);
        let callout = self.callout(&query, 0, now);
        let (store, counter) = (Rc::clone(&self.store), Rc::clone(&self.counter));
        Counted::Inquire(Counting::Ratelimit(self), WindowsInquiry { store, counter, query }, callout)
    }

    /// The question has ended.
    fn asked(self, now: Micros) -> Counted {
        let RatelimitStep::Asking { answers } = self.step else { return self.perform(Action::Wait) };
        if answers == self.counter.answers() {
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

    /// It was counted: it goes on if there was room for it. Each addition sees all those before it, so of several at
    /// once exactly as many go on as there is room for.
    fn added(self, now: Micros, outcome: &Outcome<'_>, reports: &mut Vec<Report>) -> Counted {
        let RatelimitStep::Adding { query, .. } = &self.step else { return self.perform(Action::Wait) };
        let Some(after) = query.answered(&self.store, now, outcome, reports) else {
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
            // The plan was asked before whether it ever fits.
            Decision::NeverFits => self.exhausted(after, now),
        }
    }

    fn exhausted(self, mut states: Vec<WindowState>, reset: Micros) -> Counted {
        cap(&mut states);
        Counted::Exhausted { state: LimitState { limit: self.charge.limit, windows: states }, reset }
    }
}

/// What was refused may have been counted. Nobody used more than there is.
pub(super) fn cap(states: &mut [WindowState]) {
    for state in states {
        state.used = state.used.min(state.max);
    }
}
