//! Reads the counters of the local store, one limit after the other.

use super::{LocalStore, Seeding};
use crate::gate::store::{CounterOwner, LimitState, Read, Reading};
use crate::machine::{Action, Input};
use crate::plan_table::Window;
use crate::quota::{Fingerprint, peek};
use crate::time::Micros;
use std::collections::VecDeque;
use std::rc::Rc;

/// Counters that are being read.
#[derive(Debug)]
pub(in crate::gate) struct LocalReading {
    store: Rc<LocalStore>,
    to_read: VecDeque<(String, Vec<Window>)>,
    /// What the counter is found by for which the store was asked; `None` before the seed is known.
    asked: Option<Fingerprint>,
    read: Vec<LimitState>,
}

impl LocalReading {
    /// Begins.
    pub(in crate::gate) fn begin(
        store: Rc<LocalStore>,
        owner: CounterOwner<'_>,
        limits: Vec<(String, Vec<Window>)>,
    ) -> Read {
        let seeding = store.seeding();
        LocalReading { store, to_read: limits.into(), asked: None, read: Vec::new() }.locate(owner, seeding)
    }

    fn perform(self, action: Action) -> Read {
        Read::Perform(Reading::Local(self), action)
    }

    fn locate(self, owner: CounterOwner<'_>, seeding: Seeding) -> Read {
        match seeding {
            Seeding::Ask(action) => self.perform(action),
            Seeding::Done => self.load(owner),
            Seeding::Failed => Read::Unavailable,
        }
    }

    /// Loads the next one.
    fn load(mut self, owner: CounterOwner<'_>) -> Read {
        let Some((limit, _)) = self.to_read.front() else { return Read::Done(self.read) };
        let Some(tables) = self.store.tables.get() else { return Read::Unavailable };
        let place = owner.local_place(tables, limit);
        self.asked = Some(place.fingerprint);
        self.perform(Action::Load { key: place.key })
    }

    /// Continues with what the host says.
    pub(in crate::gate) fn advance(
        mut self,
        owner: CounterOwner<'_>,
        now: Micros,
        input: &Input<'_>,
    ) -> Read {
        let Some(fingerprint) = self.asked else {
            let seeding = self.store.seed(input);
            return self.locate(owner, seeding);
        };
        let Input::Loaded { value, .. } = *input else { return self.perform(Action::Wait) };
        if let Some((limit, windows)) = self.to_read.pop_front() {
            self.read.push(LimitState { limit, windows: peek(value, fingerprint, &windows, now) });
        }
        self.load(owner)
    }
}
