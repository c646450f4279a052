//! How many deliveries a worker thread holds at once, and how many bytes of them.
//!
//! A delivery is held until its body is complete and judged, and a stranger decides when that is. What is held is
//! therefore bounded for the whole worker thread. Stripe retries a delivery that is refused for that reason.

use std::cell::Cell;
use std::rc::Rc;

/// How many deliveries a worker thread holds at once. A sync takes about a second and at least four callouts, and Stripe's
/// API takes 100 requests a second, so that no burst of true deliveries is so large.
pub(super) const DELIVERIES_MAX: usize = 512;

/// How many bytes of header fields and bodies a worker thread holds at once. Most events have less than 10 KB.
pub(super) const BYTES_MAX: usize = 16 << 20;

/// What a worker thread holds.
#[derive(Clone, Debug, Default)]
pub(super) struct HeldDeliveries(Rc<Cell<Held>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    deliveries: usize,
    bytes: usize,
}

/// One delivery that is held. It counts until this is dropped, which is what happens however the delivery ends.
#[derive(Debug)]
pub(super) struct Hold {
    of: Rc<Cell<Held>>,
    bytes: usize,
}

impl HeldDeliveries {
    /// Counts one more delivery, with so many bytes. Returns `None` if the worker thread holds too much already.
    pub(super) fn hold(&self, bytes: usize) -> Option<Hold> {
        let held = self.0.get();
        let more = Held { deliveries: held.deliveries.saturating_add(1), ..held };
        if more.deliveries > DELIVERIES_MAX {
            return None;
        }
        self.0.set(more);
        let mut hold = Hold { of: Rc::clone(&self.0), bytes: 0 };
        hold.resize(bytes).then_some(hold)
    }
}

impl Hold {
    /// Counts the delivery with so many bytes from now on. Returns false if the worker thread then holds too much; it
    /// must be refused.
    #[must_use]
    pub(super) fn resize(&mut self, bytes: usize) -> bool {
        let mut held = self.of.get();
        held.bytes = held.bytes.saturating_sub(self.bytes).saturating_add(bytes);
        self.bytes = bytes;
        self.of.set(held);
        held.bytes <= BYTES_MAX
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let held = self.of.get();
        self.of.set(Held {
            deliveries: held.deliveries.saturating_sub(1),
            bytes: held.bytes.saturating_sub(self.bytes),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_deliveries_are_held_and_no_more() {
        let held = HeldDeliveries::default();
        let mut holds: Vec<Hold> = (0..DELIVERIES_MAX).map_while(|_| held.hold(10)).collect();
        assert_eq!(holds.len(), DELIVERIES_MAX);
        assert!(held.hold(10).is_none());
        holds.pop();
        assert!(held.hold(10).is_some());
        drop(holds);
        assert_eq!(held.0.get(), Held::default());
    }

    #[test]
    fn so_many_bytes_are_held_and_no_more() {
        let held = HeldDeliveries::default();
        let mut first = held.hold(1).unwrap();
        let mut second = held.hold(1).unwrap();
        assert!(first.resize(BYTES_MAX - 1));
        assert!(!second.resize(2));
        assert!(held.hold(0).is_none(), "what is refused still counts until it is dropped");
        drop(second);
        assert!(held.hold(2).is_none());
        assert_eq!(held.0.get(), Held { deliveries: 1, bytes: BYTES_MAX - 1 });
        assert!(held.hold(1).is_some());
        drop(first);
        assert_eq!(held.0.get(), Held::default());
    }
}
