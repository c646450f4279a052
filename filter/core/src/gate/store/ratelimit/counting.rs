//! Counts one request in envoyproxy/ratelimit: asks first where a refused addition would do harm, then adds.

use super::known::{Adding, Known};
use super::{Question, RatelimitStore};
use crate::gate::spender::Spender;
use crate::gate::store::{self, Counted, Spending, Standing, Store};
use crate::gate::worker::{Purpose, Worker};
use crate::http::Outcome;
use crate::machine::{Action, CallId, Input};
use crate::quota::ratelimit::{CounterOf, Next};
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
pub(in crate::gate) struct Counting {
    of: CounterOf,
    known: Rc<Known>,
    spending: Spending,
    /// When the store's time for it is over.
    deadline: Micros,
    questions: u32,
    step: Step,
}

/// What is being waited for.
#[derive(Debug)]
enum Step {
    /// Nothing yet.
    Begun,
    /// How the windows stand. `answers`: how many questions were answered when it began to wait.
    Asking { answers: u32 },
    /// That it is counted.
    Adding { question: Question, _under_way: Adding },
}

impl Counting {
    /// Begins with what is known.
    pub(in crate::gate) fn begin(
        worker: &mut Worker,
        spender: &Spender,
        spending: Spending,
        doubted: bool,
        now: Micros,
    ) -> Counted {
        let Store::Ratelimit(store) = &mut worker.store else { return Counted::Unavailable };
        let Some(of) = spender.counter_of(&spending.limit) else { return Counted::Unavailable };
        let known = store.known(spender, &of);
        let deadline = now.plus(store.timeout);
        let next = known.heard().first(&spending.windows, spending.cost, doubted, now);
        let counting = Counting { of, known, spending, deadline, questions: 0, step: Step::Begun };
        counting.next(worker, now, next)
    }

    /// Goes on with what the host says.
    pub(in crate::gate) fn go_on(
        self,
        worker: &mut Worker,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Counted {
        match (&self.step, input) {
            (Step::Asking { .. }, Input::Inquired) => match self.known.asking() {
                Some(inquiry) => self.ask_host(Action::Await(inquiry)),
                None => self.asked(worker, now),
            },
            (Step::Asking { .. }, Input::Settled) => self.asked(worker, now),
            (Step::Adding { .. }, Input::Answered { outcome, .. }) => {
                self.added(worker, now, outcome, reports)
            }
            // What nobody asked for changes nothing.
            _ => self.ask_host(Action::Wait),
        }
    }

    fn ask_host(self, action: Action) -> Counted {
        Counted::Ask(store::Counting::Ratelimit(self), action)
    }

    fn next(self, worker: &mut Worker, now: Micros, next: Next) -> Counted {
        match next {
            Next::Refuse { reset } => {
                let states = self.known.heard().states(&self.spending.windows, now);
                self.exhausted(states, reset)
            }
            // Others go on being counted before it: now it is its turn.
            Next::Ask if self.questions >= QUESTIONS_MAX || (self.questions > 0 && now >= self.deadline) => {
                self.add(worker, now)
            }
            Next::Ask => self.ask(worker, now),
            Next::Add => self.add(worker, now),
        }
    }

    /// Asks, or waits for the answer to what another request has asked.
    fn ask(mut self, worker: &mut Worker, now: Micros) -> Counted {
        self.questions = self.questions.saturating_add(1);
        self.step = Step::Asking { answers: self.known.answers() };
        if let Some(inquiry) = self.known.asking() {
            return self.ask_host(Action::Await(inquiry));
        }
        let Store::Ratelimit(store) = &worker.store else { return Counted::Unavailable };
        let question = Question::new(&self.spending.windows, now);
        let callout = Box::new(self.callout(store, &question, 0, now));
        let inquiry = worker.inquiries.begin(Purpose::Windows { known: Rc::clone(&self.known), question });
        self.known.asked(inquiry);
        self.ask_host(Action::Inquire { inquiry, callout })
    }

    /// The question has ended.
    fn asked(self, worker: &mut Worker, now: Micros) -> Counted {
        let Step::Asking { answers } = self.step else { return self.ask_host(Action::Wait) };
        if answers == self.known.answers() {
            return uncounted(worker);
        }
        let Spending { windows, cost, .. } = &self.spending;
        let heard = self.known.heard();
        let next = heard.once_asked(windows, *cost, self.known.is_adding(), now);
        if matches!(next, Next::Refuse { .. }) {
            self.known.refuse(&heard.states(windows, now), *cost);
        }
        self.next(worker, now, next)
    }

    fn add(mut self, worker: &Worker, now: Micros) -> Counted {
        let Store::Ratelimit(store) = &worker.store else { return Counted::Unavailable };
        let question = Question::new(&self.spending.windows, now);
        let callout = self.callout(store, &question, self.spending.cost, now);
        self.step = Step::Adding { question, _under_way: Adding::begin(&self.known) };
        self.ask_host(Action::Call(vec![(CallId(0), callout)]))
    }

    fn callout(
        &self,
        store: &RatelimitStore,
        question: &Question,
        hits: u64,
        now: Micros,
    ) -> crate::http::Callout {
        let counters = question.0.iter().map(|(_, counter)| (&self.of, counter));
        store.callout(counters, hits, self.deadline.since(now).max(SHORTEST_TIMEOUT))
    }

    /// It was counted: it goes on if there was room for it. Each addition sees all those before it, so of several at
    /// once exactly as many go on as there is room for.
    fn added(
        self,
        worker: &mut Worker,
        now: Micros,
        outcome: &Outcome<'_>,
        reports: &mut Vec<Report>,
    ) -> Counted {
        let Step::Adding { question, .. } = &self.step else { return self.ask_host(Action::Wait) };
        let Some(after) = question.answered(worker, now, outcome, reports) else { return uncounted(worker) };
        self.known.hear_added(&after);
        let cost = self.spending.cost;
        let before = |state: &WindowState| WindowState { used: state.used.saturating_sub(cost), ..*state };
        let before: Vec<WindowState> = after.iter().map(before).collect();
        match decide(&before, cost) {
            Decision::Admitted => Counted::Admitted(Standing { limit: self.spending.limit, states: after }),
            Decision::Refused { reset, .. } => {
                self.known.refuse(&before, cost);
                self.exhausted(after, reset)
            }
            // The plan was asked before whether it ever fits.
            Decision::NeverFits => self.exhausted(after, now),
        }
    }

    fn exhausted(self, mut states: Vec<WindowState>, reset: Micros) -> Counted {
        cap(&mut states);
        Counted::Exhausted { standing: Standing { limit: self.spending.limit, states }, reset }
    }
}

/// What was refused may have been counted. Nobody used more than there is.
pub(super) fn cap(states: &mut [WindowState]) {
    for state in states {
        state.used = state.used.min(state.max);
    }
}

fn uncounted(worker: &Worker) -> Counted {
    match &worker.store {
        Store::Ratelimit(store) => store.uncounted(),
        Store::Local(_) => Counted::Unavailable,
    }
}
