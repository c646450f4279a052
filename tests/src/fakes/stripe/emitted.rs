//! The events that the account emits when a request or the time changes its objects.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::account::{Account, StripeObject};
use super::events::{Event, previous_attributes};
use super::objects::Objects;

/// The number of events that all fakes of this process have created.
static EVENTS: AtomicU64 = AtomicU64::new(0);

/// Returns the id of the next event.
pub(super) fn next_event_id() -> String {
    // Several fakes may feed one gateway, and tests run in parallel: the ids of all of them must differ.
    let number = EVENTS.fetch_add(1, Ordering::Relaxed);
    format!("evt_{:x}t{number:08}", std::process::id())
}

impl Account {
    pub(super) fn shown(&self, id: &str) -> Value {
        let objects = Objects { account: self, livemode: self.livemode };
        objects.by_id(id).unwrap_or_else(|| panic!("Stripe has no {id}"))
    }

    /// Emits an event of that type about an object in its current state.
    pub(super) fn emit(&mut self, kind: &str, id: &str) {
        let event = Event::snapshot(&next_event_id(), kind, self.now, self.livemode, self.shown(id));
        self.events.push(event);
    }

    /// Changes an object and emits an event with the old values, unless nothing changes.
    pub(super) fn emit_change<T: StripeObject>(&mut self, kind: &str, id: &str, change: impl FnOnce(&mut T)) {
        let before = self.shown(id);
        change(self.find_mut::<T>(id).unwrap_or_else(|| panic!("Stripe has no {id}")));
        self.emit_since(kind, id, &before);
    }

    /// Emits an event with the values before, unless nothing changed.
    pub(super) fn emit_since(&mut self, kind: &str, id: &str, before: &Value) {
        let after = self.shown(id);
        if *before != after {
            let previous = previous_attributes(before, &after);
            let event = Event::snapshot(&next_event_id(), kind, self.now, self.livemode, after);
            self.events.push(event.previous_attributes(previous));
        }
    }
}
