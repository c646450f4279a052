//! The deadline of a sync and the timeouts of its callouts.

use super::error::SyncError;
use crate::time::Micros;
use std::time::Duration;

/// The minimum timeout of a callout; with less time left, it could not succeed and is not started.
const CALLOUT_MIN: Duration = Duration::from_millis(300);

/// The time by which a sync must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(Micros);

impl Deadline {
    /// Creates the deadline of a sync that starts now and may take `time`.
    pub(crate) fn new(now: Micros, time: Duration) -> Self {
        Deadline(now.plus(time))
    }

    /// Returns the timeout of a callout: `at_most`, or the remaining time if that is less.
    ///
    /// # Errors
    /// [`SyncError::OutOfTime`] if less than 300 ms are left.
    pub(crate) fn allot(self, now: Micros, at_most: Duration) -> Result<Duration, SyncError> {
        let left = self.0.since(now);
        if left < CALLOUT_MIN { Err(SyncError::OutOfTime) } else { Ok(left.min(at_most)) }
    }

    /// Returns the timeout of the last callout of a sync whose work is done: the remaining time up to
    /// `at_most`, and at least 300 ms.
    pub(crate) fn allot_at_least(self, now: Micros, at_most: Duration) -> Duration {
        self.allot(now, at_most).unwrap_or(CALLOUT_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callout_gets_the_remaining_time_and_none_starts_too_late() {
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
