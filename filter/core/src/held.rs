//! Limits of the requests that a worker thread holds at once: their number and their bytes.
//!
//! Clients can cause requests to be held, so the limits are for the whole worker thread, for any client and
//! any time.

use std::cell::Cell;
use std::rc::Rc;

/// The requests that a worker thread holds for one reason.
#[derive(Clone, Debug)]
pub(crate) struct HeldRequests {
    held: Rc<Cell<Held>>,
    most: Held,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    requests: usize,
    bytes: usize,
}

/// A held request. It counts until this value is dropped, which happens however the request ends.
#[derive(Debug)]
pub(crate) struct Hold {
    of: HeldRequests,
    bytes: usize,
}

impl HeldRequests {
    /// Creates the limits of a worker thread: at most `requests`, with at most `bytes` in total.
    pub(crate) fn at_most(requests: usize, bytes: usize) -> Self {
        HeldRequests { held: Rc::default(), most: Held { requests, bytes } }
    }

    /// Counts one more request of that size. Returns `None` if that exceeds a limit.
    pub(crate) fn hold(&self, bytes: usize) -> Option<Hold> {
        let held = self.held.get();
        let more = Held { requests: held.requests.saturating_add(1), ..held };
        if more.requests > self.most.requests {
            return None;
        }
        self.held.set(more);
        let mut hold = Hold { of: self.clone(), bytes: 0 };
        hold.resize(bytes).then_some(hold)
    }
}

impl Hold {
    /// Changes the size of the request. Returns false if that exceeds the limit: the caller must refuse the
    /// request.
    #[must_use]
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        let mut held = self.of.held.get();
        held.bytes = held.bytes.saturating_sub(self.bytes).saturating_add(bytes);
        self.bytes = bytes;
        self.of.held.set(held);
        held.bytes <= self.of.most.bytes
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let held = self.of.held.get();
        self.of.held.set(Held {
            requests: held.requests.saturating_sub(1),
            bytes: held.bytes.saturating_sub(self.bytes),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_held_requests_is_limited() {
        let held = HeldRequests::at_most(3, 100);
        let mut holds: Vec<Hold> = (0..3).map_while(|_| held.hold(10)).collect();
        assert_eq!(holds.len(), 3);
        assert!(held.hold(10).is_none());
        holds.pop();
        assert!(held.hold(10).is_some());
        drop(holds);
        assert_eq!(held.held.get(), Held::default());
    }

    #[test]
    fn the_bytes_of_held_requests_are_limited() {
        let held = HeldRequests::at_most(3, 100);
        let mut first = held.hold(1).unwrap();
        let mut second = held.hold(1).unwrap();
        assert!(first.resize(99));
        assert!(!second.resize(2));
        assert!(held.hold(0).is_none(), "a refused request counts until it is dropped");
        drop(second);
        assert!(held.hold(2).is_none());
        assert_eq!(held.held.get(), Held { requests: 1, bytes: 99 });
        assert!(held.hold(1).is_some());
        drop(first);
        assert_eq!(held.held.get(), Held::default());
    }
}
