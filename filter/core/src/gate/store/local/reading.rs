//! Reads the counters of the local store, one limit after the other.

use super::{LocalStore, Seeding};
use crate::gate::spender::Spender;
use crate::gate::store::{self, Read, Standing, Store};
use crate::gate::worker::Worker;
use crate::machine::{Action, Input};
use crate::plan_table::Window;
use crate::quota::{Fingerprint, peek};
use crate::time::Micros;
use std::collections::VecDeque;

/// Counters that are being read.
#[derive(Debug)]
pub(in crate::gate) struct Reading {
    to_read: VecDeque<(String, Vec<Window>)>,
    /// What the counter is found by for which the store was asked; `None` before the seed is known.
    asked: Option<Fingerprint>,
    read: Vec<Standing>,
}

impl Reading {
    /// Begins.
    pub(in crate::gate) fn begin(
        store: &LocalStore,
        spender: &Spender,
        limits: Vec<(String, Vec<Window>)>,
    ) -> Read {
        let reading = Reading { to_read: limits.into(), asked: None, read: Vec::new() };
        reading.locate(store, spender, store.seeding())
    }

    fn locate(self, store: &LocalStore, spender: &Spender, seeding: Seeding) -> Read {
        match seeding {
            Seeding::Ask(action) => Read::Ask(store::Reading::Local(self), action),
            Seeding::Done => self.load(store, spender),
            Seeding::Failed => Read::Unavailable,
        }
    }

    /// Asks for the next one.
    fn load(mut self, store: &LocalStore, spender: &Spender) -> Read {
        let Some((limit, _)) = self.to_read.front() else { return Read::Done(self.read) };
        let Some(place) = store.tables.as_ref().and_then(|tables| spender.place(tables, limit)) else {
            return Read::Unavailable;
        };
        self.asked = Some(place.fingerprint);
        Read::Ask(store::Reading::Local(self), Action::Load { key: place.key })
    }

    /// Goes on with what the store says.
    pub(in crate::gate) fn go_on(
        mut self,
        worker: &mut Worker,
        spender: &Spender,
        now: Micros,
        input: &Input<'_>,
    ) -> Read {
        let Store::Local(store) = &mut worker.store else { return Read::Unavailable };
        let Some(fingerprint) = self.asked else {
            let seeding = store.seed(input);
            return self.locate(store, spender, seeding);
        };
        let Input::Loaded { value, .. } = *input else {
            return Read::Ask(store::Reading::Local(self), Action::Wait);
        };
        if let Some((limit, windows)) = self.to_read.pop_front() {
            self.read.push(Standing { limit, states: peek(value, fingerprint, &windows, now) });
        }
        self.load(store, spender)
    }
}
