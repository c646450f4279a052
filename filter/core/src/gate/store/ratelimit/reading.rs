//! Reads counters in envoyproxy/ratelimit: all limits of a plan in one call that adds nothing.

use super::counting::cap;
use super::{Question, RatelimitStore};
use crate::gate::spender::Spender;
use crate::gate::store::{self, Read, Standing};
use crate::gate::worker::Worker;
use crate::machine::{Action, CallId, Input};
use crate::plan_table::Window;
use crate::quota::ratelimit::CounterOf;
use crate::report::Report;
use crate::time::Micros;

/// Counters that are being read.
#[derive(Debug)]
pub(in crate::gate) struct Reading {
    /// Each limit, and how many windows it has.
    limits: Vec<(String, usize)>,
    /// The windows of all of them.
    question: Question,
}

impl Reading {
    /// Begins.
    pub(in crate::gate) fn begin(
        store: &RatelimitStore,
        spender: &Spender,
        limits: Vec<(String, Vec<Window>)>,
        now: Micros,
    ) -> Read {
        let (mut names, mut question, mut of) = (Vec::new(), Vec::new(), Vec::new());
        for (limit, windows) in limits {
            let Some(counter_of) = spender.counter_of(&limit) else { return Read::Unavailable };
            of.extend(windows.iter().map(|_| counter_of.clone()));
            question.extend(Question::new(&windows, now).0);
            names.push((limit, windows.len()));
        }
        let counters = of.iter().zip(&question).map(|(of, (_, counter)): (&CounterOf, _)| (of, counter));
        let callout = store.callout(counters, 0, store.timeout);
        let reading = Reading { limits: names, question: Question(question) };
        Read::Ask(store::Reading::Ratelimit(reading), Action::Call(vec![(CallId(0), callout)]))
    }

    /// Goes on with what the service says.
    pub(in crate::gate) fn go_on(
        self,
        worker: &mut Worker,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Read {
        let Input::Answered { outcome, .. } = input else {
            return Read::Ask(store::Reading::Ratelimit(self), Action::Wait);
        };
        let Some(mut states) = self.question.answered(worker, now, outcome, reports) else {
            return Read::Unavailable;
        };
        cap(&mut states);
        let mut states = states.into_iter();
        let standing = |(limit, windows)| Standing { limit, states: states.by_ref().take(windows).collect() };
        Read::Done(self.limits.into_iter().map(standing).collect())
    }
}
