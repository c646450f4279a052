//! Reads counters of the local store, one limit after another.

use super::{LocalStore, SeedProgress, SeedUpdate};
use crate::gate::store::{CounterOwner, CounterReading, LimitState, ReadProgress};
use crate::machine::{Action, Input};
use crate::plan_table::Window;
use crate::quota::{Callers, CounterKey, Fingerprint, peek};
use crate::time::Micros;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

/// Counters that are being read.
#[derive(Debug)]
pub(in crate::gate) struct LocalReading {
    store: Rc<LocalStore>,
    callers: Callers,
    /// The bytes that identify the owner.
    owner: Vec<u8>,
    to_read: VecDeque<(Arc<str>, Arc<[Window]>)>,
    step: ReadingStep,
    read: Vec<LimitState>,
}

/// The input that the reading waits for.
#[derive(Debug)]
enum ReadingStep {
    /// The shared seed, which is needed to find the counters.
    Seed(SeedUpdate),
    /// The bucket of the counter with that fingerprint.
    Counter(Fingerprint),
    /// No further input.
    Ended,
}

impl LocalReading {
    /// Starts to read these limits.
    pub(in crate::gate) fn begin(
        store: Rc<LocalStore>,
        owner: CounterOwner<'_>,
        limits: Vec<(Arc<str>, Arc<[Window]>)>,
    ) -> ReadProgress {
        let reading = LocalReading {
            store,
            callers: owner.callers(),
            owner: owner.bytes().to_vec(),
            to_read: limits.into(),
            step: ReadingStep::Ended,
            read: Vec::new(),
        };
        match reading.store.find_seed() {
            Some((update, action)) => reading.perform(ReadingStep::Seed(update), action),
            None => reading.load(),
        }
    }

    fn perform(mut self, step: ReadingStep, action: Action) -> ReadProgress {
        self.step = step;
        ReadProgress::Perform(CounterReading::Local(self), action)
    }

    /// Loads the bucket of the next limit.
    fn load(self) -> ReadProgress {
        let Some((limit, _)) = self.to_read.front() else { return ReadProgress::Done(self.read) };
        let Some(tables) = self.store.tables.get() else { return ReadProgress::Unavailable };
        let CounterKey { shared_key, fingerprint } = tables.key(self.callers, &self.owner, limit);
        self.perform(ReadingStep::Counter(fingerprint), Action::Load { key: shared_key })
    }

    /// Continues with an input.
    pub(in crate::gate) fn advance(mut self, now: Micros, input: &Input<'_>) -> ReadProgress {
        match std::mem::replace(&mut self.step, ReadingStep::Ended) {
            ReadingStep::Seed(mut update) => match self.store.seed(&mut update, input) {
                SeedProgress::Perform(action) => self.perform(ReadingStep::Seed(update), action),
                SeedProgress::Known => self.load(),
                SeedProgress::Failed => ReadProgress::Unavailable,
            },
            ReadingStep::Counter(fingerprint) => {
                let Input::Loaded { value, .. } = *input else {
                    return self.perform(ReadingStep::Counter(fingerprint), Action::Wait);
                };
                if let Some((limit, windows)) = self.to_read.pop_front() {
                    self.read.push(LimitState { limit, windows: peek(value, fingerprint, &windows, now) });
                }
                self.load()
            }
            ReadingStep::Ended => ReadProgress::Unavailable,
        }
    }
}
