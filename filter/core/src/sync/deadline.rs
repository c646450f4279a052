//! How much time a sync has left.

use super::error::SyncError;
use crate::time::Micros;
use std::time::Duration;

/// No callout starts with less: it could not come to anything.
const CALLOUT_MIN: Duration = Duration::from_millis(300);

/// When a sync must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(Micros);

impl Deadline {
    /// Creates the deadline of a sync that begins now and may take so long.
    pub(crate) fn new(now: Micros, time: Duration) -> Self {
        Deadline(now.plus(time))
    }

    /// Returns the time for one callout: what it may take at most, or what is left.
    ///
    /// # Errors
    /// [`SyncError::OutOfTime`] if less than 300 ms are left.
    pub(crate) fn allot(self, now: Micros, at_most: Duration) -> Result<Duration, SyncError> {
        let left = self.0.since(now);
        if left < CALLOUT_MIN { Err(SyncError::OutOfTime) } else { Ok(left.min(at_most)) }
    }

    /// Returns the time for the last callout of a sync whose work is done: what is left, or the shortest
    /// time.
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
        let deadline = Deadline::new(start, Duration::from_secs(8));
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
