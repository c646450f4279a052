//! Reads counters in envoyproxy/ratelimit: all limits of a plan, in one call that adds nothing.

use super::counting::cap;
use super::{RatelimitStore, WindowsQuery};
use crate::gate::store::{CounterOwner, CounterReading, LimitState, ReadProgress};
use crate::machine::{Action, CallId, Input};
use crate::plan_table::Window;
use crate::quota::ratelimit::CounterOf;
use crate::report::Report;
use crate::time::Micros;
use std::rc::Rc;
use std::sync::Arc;

/// Counters that are being read.
#[derive(Debug)]
pub(in crate::gate) struct RatelimitReading {
    store: Rc<RatelimitStore>,
    /// The limits, each with the number of its windows.
    limits: Vec<(Arc<str>, usize)>,
    /// The windows of all limits.
    query: WindowsQuery,
}

impl RatelimitReading {
    /// Starts to read these limits.
    pub(in crate::gate) fn begin(
        store: Rc<RatelimitStore>,
        owner: CounterOwner<'_>,
        limits: Vec<(Arc<str>, Arc<[Window]>)>,
        now: Micros,
    ) -> ReadProgress {
        let (mut names, mut query, mut of) = (Vec::new(), Vec::new(), Vec::new());
        for (limit, windows) in limits {
            let counter_of = owner.descriptor(&limit);
            of.extend(windows.iter().map(|_| counter_of.clone()));
            query.extend(WindowsQuery::new(&windows, now).0);
            names.push((limit, windows.len()));
        }
        let counters = of.iter().zip(&query).map(|(of, (_, counter)): (&CounterOf, _)| (of, counter));
        let callout = store.callout(counters, 0, store.timeout);
        let reading = RatelimitReading { store, limits: names, query: WindowsQuery(query) };
        reading.perform(Action::Call(vec![(CallId(0), callout)]))
    }

    fn perform(self, action: Action) -> ReadProgress {
        ReadProgress::Perform(CounterReading::Ratelimit(self), action)
    }

    /// Continues with an input.
    pub(in crate::gate) fn advance(
        self,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> ReadProgress {
        let Input::CalloutEnded { outcome, .. } = input else { return self.perform(Action::Wait) };
        let Some(mut states) = self.query.read(&self.store, now, outcome, reports) else {
            return ReadProgress::Unavailable;
        };
        cap(&mut states);
        let mut states = states.into_iter();
        let state = |(limit, windows)| LimitState { limit, windows: states.by_ref().take(windows).collect() };
        ReadProgress::Done(self.limits.into_iter().map(state).collect())
    }
}
