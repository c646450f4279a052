//! How much time a sync has left.

use super::error::SyncError;
use crate::time::Micros;
use std::time::Duration;

/// The time for a sync that Stripe waits for. Checkout holds the customer's redirect for at most 10 s.
const DELIVERY: Duration = Duration::from_secs(8);

/// The time for a sync that somebody asks for: each of its calls may be held back for the APIs' rates, and repeated.
const REQUEST: Duration = Duration::from_secs(15 * 60);

/// No callout starts with less: it could not come to anything.
const CALLOUT_MIN: Duration = Duration::from_millis(300);

/// When a sync must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(Micros);

impl Deadline {
    /// The deadline of a delivery's sync that begins now.
    pub(crate) fn of_delivery(now: Micros) -> Self {
        Deadline(now.plus(DELIVERY))
    }

    /// The deadline of a sync that somebody asks for now.
    pub(crate) fn of_request(now: Micros) -> Self {
        Deadline(now.plus(REQUEST))
    }

    /// The time for one callout: what it may take at most, or what is left.
    ///
    /// # Errors
    /// [`SyncError::OutOfTime`] if less than 300 ms are left.
    pub(crate) fn allot(self, now: Micros, at_most: Duration) -> Result<Duration, SyncError> {
        let left = self.0.since(now);
        if left < CALLOUT_MIN { Err(SyncError::OutOfTime) } else { Ok(left.min(at_most)) }
    }

    /// The time for the last callout of a sync whose work is done: what is left, or the shortest time.
    pub(crate) fn allot_at_least(self, now: Micros, at_most: Duration) -> Duration {
        self.allot(now, at_most).unwrap_or(CALLOUT_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callout_gets_what_is_left_and_none_starts_too_late() {
        let start = Micros::from_secs(100);
        let deadline = Deadline::of_delivery(start);
        let ms = Duration::from_millis;
        for (after, want) in [
            (ms(0), Ok(ms(2000))),
            (ms(6000), Ok(ms(2000))),
            (ms(6500), Ok(ms(1500))),
            (ms(7700), Ok(ms(300))),
            (ms(7701), Err(SyncError::OutOfTime)),
            (ms(9000), Err(SyncError::OutOfTime)),
        ] {
            assert_eq!(deadline.allot(start.plus(after), ms(2000)), want, "{after:?}");
        }
    }
}
