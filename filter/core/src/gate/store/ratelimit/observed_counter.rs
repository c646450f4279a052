//! What one worker thread has observed of counters in envoyproxy/ratelimit, and its calls in flight for each.

use crate::machine::InquiryId;
use crate::quota::WindowState;
use crate::quota::ratelimit::{CounterOf, ObservedUsage};
use siphasher::sip::SipHasher13;
use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::rc::Rc;

/// What is known of one subject's use of one limit. Shared by the requests that are under way for it, so that none of
/// them loses it when the memory makes room.
#[derive(Debug, Default)]
pub(in crate::gate) struct CounterState {
    usage: Cell<ObservedUsage>,
    /// How many questions were answered.
    answers: Cell<u32>,
    /// How many additions were.
    additions: Cell<u32>,
    /// The question that is under way, and how many additions were answered when it began.
    asking: Cell<Option<(InquiryId, u32)>>,
    /// How many requests are being counted.
    adding: Cell<u32>,
}

impl CounterState {
    /// Returns what was observed.
    pub(super) fn usage(&self) -> ObservedUsage {
        self.usage.get()
    }

    /// Takes in the answer to the question that was under way.
    pub(super) fn observe_answer(&self, states: &[WindowState]) {
        let mut usage = self.usage.get();
        match self.asking.take() {
            Some((_, additions)) if additions == self.additions.get() => usage.observe(states),
            _ => usage.observe_concurrently(states),
        }
        self.usage.set(usage);
        self.answers.set(self.answers.get().wrapping_add(1));
    }

    /// Takes in the answer to an addition.
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

    /// How many questions were answered: another number than before means that one was.
    pub(super) fn answers(&self) -> u32 {
        self.answers.get()
    }

    /// The question that is under way, for whoever needs its answer.
    pub(super) fn asking(&self) -> Option<InquiryId> {
        self.asking.get().map(|(inquiry, _)| inquiry)
    }

    /// A question is under way.
    pub(super) fn asked(&self, inquiry: InquiryId) {
        self.asking.set(Some((inquiry, self.additions.get())));
    }

    /// It has ended without an answer.
    pub(super) fn not_answered(&self) {
        self.asking.set(None);
    }

    /// Whether a request of this worker is being counted.
    pub(super) fn is_adding(&self) -> bool {
        self.adding.get() > 0
    }
}

/// A request that is being counted, until it is dropped: also when its client goes away first.
#[derive(Debug)]
pub(super) struct AdditionInFlight(Rc<CounterState>);

impl AdditionInFlight {
    /// From now on it is being counted.
    pub(super) fn begin(known: &Rc<CounterState>) -> Self {
        known.adding.set(known.adding.get().saturating_add(1));
        AdditionInFlight(Rc::clone(known))
    }
}

impl Drop for AdditionInFlight {
    fn drop(&mut self) {
        self.0.adding.set(self.0.adding.get().saturating_sub(1));
    }
}

/// Where what is known of a counter is. A full memory takes one in without moving the others, as the tokens' cache does.
/// Without a key of its own: who chooses addresses that meet finds as many as the memory holds, and no more.
type CounterHasher = BuildHasherDefault<SipHasher13>;

/// What is known of so many counters at most; the oldest makes room. A counter that was forgotten costs a question.
#[derive(Debug)]
pub(super) struct CounterStates {
    max: usize,
    known: HashMap<CounterOf, Rc<CounterState>, CounterHasher>,
    oldest_first: VecDeque<CounterOf>,
}

impl CounterStates {
    /// An empty one.
    pub(super) fn new(max: usize) -> Self {
        CounterStates { max, known: HashMap::default(), oldest_first: VecDeque::new() }
    }

    /// What is known of a counter.
    pub(super) fn of(&mut self, of: &CounterOf) -> Rc<CounterState> {
        if let Some(known) = self.known.get(of) {
            return Rc::clone(known);
        }
        while self.known.len() >= self.max {
            let Some(oldest) = self.oldest_first.pop_front() else { break };
            self.known.remove(&oldest);
        }
        let known = Rc::new(CounterState::default());
        self.known.insert(of.clone(), Rc::clone(&known));
        self.oldest_first.push_back(of.clone());
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(subject: u32) -> CounterOf {
        CounterOf { subject: format!("user_{subject}"), limit: "asks".to_owned() }
    }

    #[test]
    fn the_oldest_makes_room_and_whoever_holds_it_keeps_it() {
        let mut memory = CounterStates::new(2);
        let first = memory.of(&of(1));
        first.asked(InquiryId(1));
        memory.of(&of(2));
        assert_eq!(memory.of(&of(1)).asking(), Some(InquiryId(1)), "it is still known");
        memory.of(&of(3));
        assert_eq!(memory.known.len(), 2);
        assert_eq!(memory.oldest_first.len(), 2);
        assert_eq!(memory.of(&of(1)).asking(), None, "it was forgotten");
        assert_eq!(first.asking(), Some(InquiryId(1)));
    }

    #[test]
    fn a_request_that_goes_away_is_no_longer_being_counted() {
        let known = Rc::new(CounterState::default());
        let (one, two) = (AdditionInFlight::begin(&known), AdditionInFlight::begin(&known));
        drop(one);
        assert!(known.is_adding());
        drop(two);
        assert!(!known.is_adding());
    }
}
