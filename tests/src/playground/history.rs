//! What has happened so far, and what happens next, for the pages that watch.

use serde::Serialize;
use std::sync::{Mutex, PoisonError};
use tokio::sync::broadcast;

/// The maximum number of events of one kind that are kept: the newest.
pub const KEPT_MAX: usize = 200;
/// The maximum number of events that wait for a page. One that is slower must connect again.
const WAITING_MAX: usize = 1024;

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventKind {
    /// A request, from the access log.
    Request,
    /// A line of the audit.
    Audit,
    /// An event of Stripe with all attempts to deliver it.
    Delivery,
    /// The public metadata of a user or an organization.
    Clerk,
    /// Some of Envoy's counters.
    Counters,
    /// Which faults are active.
    Faults,
}

impl EventKind {
    /// Returns the name in the stream of events.
    pub(super) fn name(self) -> &'static str {
        match self {
            EventKind::Request => "request",
            EventKind::Audit => "audit",
            EventKind::Delivery => "delivery",
            EventKind::Clerk => "clerk",
            EventKind::Counters => "counters",
            EventKind::Faults => "faults",
        }
    }
}

/// An event for the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlaygroundEvent {
    pub(super) kind: EventKind,
    /// What it is about. A later event of the same kind and key replaces it.
    key: String,
    /// The data, as JSON.
    pub(super) json: String,
}

/// The newest events of each kind.
#[derive(Debug)]
pub(super) struct History {
    events: Mutex<Vec<PlaygroundEvent>>,
    sender: broadcast::Sender<PlaygroundEvent>,
}

impl Default for History {
    fn default() -> Self {
        History { events: Mutex::default(), sender: broadcast::Sender::new(WAITING_MAX) }
    }
}

impl History {
    /// Adds an event, in the place of the one with the same kind and key. Does nothing if its data are the same.
    pub(super) fn publish(&self, kind: EventKind, key: &str, data: &impl Serialize) {
        let json = serde_json::to_string(data).expect("the data can be written as JSON");
        let event = PlaygroundEvent { kind, key: key.to_owned(), json };
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        match events.iter_mut().find(|old| old.kind == kind && old.key == key) {
            Some(old) if *old == event => return,
            Some(old) => *old = event.clone(),
            None => {
                events.push(event.clone());
                forget_oldest(&mut events, kind);
            }
        }
        // An error means that no page watches. The lock is held, so that a page that connects now gets the event
        // once.
        let _ = self.sender.send(event);
    }

    /// Returns the events so far, oldest first, and a receiver of those that follow.
    pub(super) fn watch(&self) -> (Vec<PlaygroundEvent>, broadcast::Receiver<PlaygroundEvent>) {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        (events.clone(), self.sender.subscribe())
    }
}

fn forget_oldest(events: &mut Vec<PlaygroundEvent>, kind: EventKind) {
    if events.iter().filter(|event| event.kind == kind).count() > KEPT_MAX {
        let oldest = events.iter().position(|event| event.kind == kind);
        oldest.map(|oldest| events.remove(oldest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(history: &History, kind: EventKind) -> Vec<String> {
        let (events, _) = history.watch();
        events.into_iter().filter(|event| event.kind == kind).map(|event| event.key).collect()
    }

    #[test]
    fn an_event_replaces_the_one_about_the_same() {
        let history = History::default();
        let (_, mut receiver) = history.watch();
        for (key, value) in [("a", 1), ("b", 1), ("a", 2), ("a", 2)] {
            history.publish(EventKind::Delivery, key, &value);
        }
        history.publish(EventKind::Clerk, "a", &3);
        let (events, _) = history.watch();
        let shown: Vec<_> = events.iter().map(|event| (event.kind.name(), event.json.as_str())).collect();
        assert_eq!(shown, [("delivery", "2"), ("delivery", "1"), ("clerk", "3")]);
        let mut sent = Vec::new();
        while let Ok(event) = receiver.try_recv() {
            sent.push(event.json);
        }
        assert_eq!(sent, ["1", "1", "2", "3"], "not what has not changed");
    }

    #[test]
    fn the_newest_of_each_kind_are_kept() {
        let history = History::default();
        history.publish(EventKind::Clerk, "user_ada", &());
        for n in 0..=KEPT_MAX {
            history.publish(EventKind::Request, &n.to_string(), &n);
        }
        let requests = keys(&history, EventKind::Request);
        assert_eq!((requests.len(), requests[0].as_str()), (KEPT_MAX, "1"));
        assert_eq!(requests.last().map(String::as_str), Some("200"));
        assert_eq!(keys(&history, EventKind::Clerk), ["user_ada"], "another kind");
    }
}
