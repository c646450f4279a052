//! The counters in envoyproxy/ratelimit that one worker thread has observed, and its calls in progress for
//! each counter.

use crate::machine::InquiryId;
use crate::quota::WindowState;
use crate::quota::ratelimit::{CounterOf, ObservedUsage};
use siphasher::sip::SipHasher13;
use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::rc::Rc;

/// The observed counters of one owner and one limit. The requests that are being counted share it, so that
/// it survives for them if [`ObservedCounters`] removes it.
#[derive(Debug, Default)]
pub(in crate::gate) struct ObservedCounter {
    usage: Cell<ObservedUsage>,
    /// The number of responses to queries.
    responses: Cell<u32>,
    /// The number of responses to additions.
    additions: Cell<u32>,
    /// The query in progress, with the number of responses to additions when it started.
    query: Cell<Option<(InquiryId, u32)>>,
    /// The number of additions in progress.
    adding: Cell<u32>,
}

impl ObservedCounter {
    /// Returns what was observed.
    pub(super) fn usage(&self) -> ObservedUsage {
        self.usage.get()
    }

    /// Takes the response to the query in progress.
    pub(super) fn observe_query(&self, states: &[WindowState]) {
        let mut usage = self.usage.get();
        match self.query.take() {
            Some((_, additions)) if additions == self.additions.get() => usage.observe(states),
            _ => usage.observe_concurrently(states),
        }
        self.usage.set(usage);
        self.responses.set(self.responses.get().wrapping_add(1));
    }

    /// Takes the response to an addition.
    pub(super) fn observe_addition(&self, states: &[WindowState]) {
        let mut usage = self.usage.get();
        usage.observe_concurrently(states);
        self.usage.set(usage);
        self.additions.set(self.additions.get().wrapping_add(1));
    }

    /// Remembers a refusal.
    pub(super) fn refuse(&self, states: &[WindowState], cost: u64) {
        let mut usage = self.usage.get();
        usage.refuse(states, cost);
        self.usage.set(usage);
    }

    /// Returns the number of responses to queries. A request that waits for a query compares it to see
    /// whether the query was successful.
    pub(super) fn responses(&self) -> u32 {
        self.responses.get()
    }

    /// Returns the query in progress.
    pub(super) fn query_in_progress(&self) -> Option<InquiryId> {
        self.query.get().map(|(inquiry, _)| inquiry)
    }

    /// Records that a query has started.
    pub(super) fn query_started(&self, inquiry: InquiryId) {
        self.query.set(Some((inquiry, self.additions.get())));
    }

    /// Records that the query in progress has failed.
    pub(super) fn query_failed(&self) {
        self.query.set(None);
    }

    /// Returns whether a request of this worker is being counted.
    pub(super) fn is_adding(&self) -> bool {
        self.adding.get() > 0
    }
}

/// An addition in progress, until this value is dropped, which also happens if the client disconnects first.
#[derive(Debug)]
pub(super) struct AdditionInFlight(Rc<ObservedCounter>);

impl AdditionInFlight {
    /// Counts one more addition in progress.
    pub(super) fn begin(known: &Rc<ObservedCounter>) -> Self {
        known.adding.set(known.adding.get().saturating_add(1));
        AdditionInFlight(Rc::clone(known))
    }
}

impl Drop for AdditionInFlight {
    fn drop(&mut self) {
        self.0.adding.set(self.0.adding.get().saturating_sub(1));
    }
}

/// The hasher of the map. A hash map, as in the token cache, because an insertion into a full map moves no
/// other entry. It needs no secret key: attackers can choose addresses whose hashes collide, but no more than
/// the map holds.
type CounterHasher = BuildHasherDefault<SipHasher13>;

/// The observed counters of a worker, up to a maximum; beyond that, the oldest is removed. A removed counter
/// costs one more query.
#[derive(Debug)]
pub(super) struct ObservedCounters {
    max: usize,
    known: HashMap<CounterOf, Rc<ObservedCounter>, CounterHasher>,
    oldest_first: VecDeque<CounterOf>,
}

impl ObservedCounters {
    /// Creates an empty map.
    pub(super) fn new(max: usize) -> Self {
        ObservedCounters { max, known: HashMap::default(), oldest_first: VecDeque::new() }
    }

    /// Returns what was observed of a counter.
    pub(super) fn counter(&mut self, of: &CounterOf) -> Rc<ObservedCounter> {
        if let Some(known) = self.known.get(of) {
            return Rc::clone(known);
        }
        while self.known.len() >= self.max {
            let Some(oldest) = self.oldest_first.pop_front() else { break };
            self.known.remove(&oldest);
        }
        let known = Rc::new(ObservedCounter::default());
        self.known.insert(of.clone(), Rc::clone(&known));
        self.oldest_first.push_back(of.clone());
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter_of(subject: u32) -> CounterOf {
        CounterOf { subject: format!("user_{subject}"), limit: "asks".to_owned() }
    }

    #[test]
    fn the_oldest_is_removed_but_requests_keep_it() {
        let mut counters = ObservedCounters::new(2);
        let first = counters.counter(&counter_of(1));
        first.query_started(InquiryId(1));
        counters.counter(&counter_of(2));
        assert_eq!(
            counters.counter(&counter_of(1)).query_in_progress(),
            Some(InquiryId(1)),
            "it is still known"
        );
        counters.counter(&counter_of(3));
        assert_eq!(counters.known.len(), 2);
        assert_eq!(counters.oldest_first.len(), 2);
        assert_eq!(counters.counter(&counter_of(1)).query_in_progress(), None, "it was removed");
        assert_eq!(first.query_in_progress(), Some(InquiryId(1)));
    }

    #[test]
    fn a_dropped_addition_is_no_longer_in_progress() {
        let known = Rc::new(ObservedCounter::default());
        let (one, two) = (AdditionInFlight::begin(&known), AdditionInFlight::begin(&known));
        drop(one);
        assert!(known.is_adding());
        drop(two);
        assert!(!known.is_adding());
    }
}
