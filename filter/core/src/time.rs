//! A point in time. Hosts pass it in; the rules never read a clock.

use std::time::Duration;

/// Microseconds since the Unix epoch, UTC. Differences are [`Duration`]s.
///
/// Wall clocks can step back, so a negative difference counts as zero: see [`Micros::since`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(u64);

const MICROS_PER_SECOND: u64 = 1_000_000;

impl Micros {
    /// The latest possible time.
    pub const MAX: Micros = Micros(u64::MAX);

    /// Creates a time from microseconds since the Unix epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Micros(micros)
    }

    /// Creates a time from seconds since the Unix epoch, the unit of Stripe and of session tokens.
    pub const fn from_secs(secs: u64) -> Self {
        Micros(secs.saturating_mul(MICROS_PER_SECOND))
    }

    /// Returns the microseconds since the Unix epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Returns the seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / MICROS_PER_SECOND
    }

    /// Returns the time since `earlier`; zero if `earlier` is not before `self`.
    pub const fn since(self, earlier: Micros) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Returns whether it is less than `span` before `now`, and not after it.
    ///
    /// All checks of freshness use this: a time after `now` was taken before the clock stepped back, so its
    /// age is unknown, and it does not count as fresh.
    pub(crate) fn is_within(self, span: Duration, now: Micros) -> bool {
        self <= now && now.since(self) < span
    }

    /// Returns the time `span` later, or [`Micros::MAX`].
    pub fn plus(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Micros(self.0.saturating_add(micros))
    }

    /// Returns the time `span` earlier, or the epoch.
    pub(crate) fn minus(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Micros(self.0.saturating_sub(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_steps_back_gives_no_negative_age() {
        let (early, late) = (Micros::from_secs(10), Micros::from_secs(12));
        assert_eq!(late.since(early), Duration::from_secs(2));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn a_time_after_now_is_not_fresh() {
        let minute = Duration::from_secs(60);
        let cases = [
            ("now", 1_000, true),
            ("just within", 941, true),
            ("just not", 940, false),
            ("a second ahead", 1_001, false),
            ("the clock stepped back an hour", 1_000 + 3_600, false),
        ];
        for (why, at_s, want) in cases {
            assert_eq!(Micros::from_secs(at_s).is_within(minute, Micros::from_secs(1_000)), want, "{why}");
        }
    }

    #[test]
    fn the_ends_of_time_saturate() {
        assert_eq!(Micros::MAX.plus(Duration::from_secs(1)), Micros::MAX);
        assert_eq!(Micros::from_secs(1).minus(Duration::MAX), Micros::default());
        assert_eq!(Micros::from_secs(u64::MAX), Micros::MAX);
    }
}
