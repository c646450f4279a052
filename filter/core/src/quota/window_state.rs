//! The state of a subject's window, from either store, and the choice of the tightest of several.

use super::calendar::Interval;
use crate::plan_table::Period;
use crate::time::Micros;
use std::cmp::Ordering;

/// The state of one window of the plan in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowState {
    /// Its period.
    pub per: Period,
    /// The plan's maximum.
    pub max: u64,
    /// The use so far. It exceeds `max` if a higher plan was in force before.
    pub used: u64,
    /// Its start and end.
    pub interval: Interval,
}

impl WindowState {
    /// Returns how much is left.
    pub(crate) const fn remaining(&self) -> u64 {
        self.max.saturating_sub(self.used)
    }

    /// Returns the time when the whole maximum is available again.
    pub(crate) const fn reset(&self) -> Micros {
        self.interval.end
    }

    /// Returns whether there is room for a request of that cost. Always true for a cost of 0.
    pub(crate) const fn has_room_for(&self, cost: u64) -> bool {
        cost <= self.remaining()
    }

    /// Compares the tightness of two windows. The smaller one is tighter: a smaller part of it is left or, if
    /// equal, it resets later.
    fn compare_tightness(&self, other: &WindowState) -> Ordering {
        // A maximum of 0 counts as 1: nothing remains of either.
        let part = |of: &WindowState, by: &WindowState| {
            u128::from(of.remaining()).saturating_mul(u128::from(by.max.max(1)))
        };
        part(self, other).cmp(&part(other, self)).then_with(|| other.reset().cmp(&self.reset()))
    }
}

/// Returns the window that clients should respect: the one with the smallest part left or, if equal, the
/// latest reset. Returns `None` if there are no windows.
pub(crate) fn tightest(states: &[WindowState]) -> Option<&WindowState> {
    states.iter().min_by(|a, b| a.compare_tightness(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(per: Period, max: u64, used: u64) -> WindowState {
        WindowState { per, max, used, interval: Interval::containing(per, Micros::from_secs(1_795_257_600)) }
    }

    #[test]
    fn the_tightest_window_has_the_smallest_share_left_then_latest_reset() {
        let cases = [
            ("10 % before 50 %", vec![(Period::Month, 100, 90), (Period::Minute, 10, 5)], Period::Month),
            (
                "20 % of few before 50 % of many",
                vec![(Period::Month, 100, 50), (Period::Day, 5, 4)],
                Period::Day,
            ),
            (
                "equal parts: the later reset",
                vec![(Period::Minute, 10, 5), (Period::Month, 100, 50)],
                Period::Month,
            ),
            ("both used up", vec![(Period::Day, 5, 5), (Period::Month, 9, 9)], Period::Month),
            ("none allowed is used up", vec![(Period::Minute, 0, 0), (Period::Day, 9, 1)], Period::Minute),
            (
                "used beyond the maximum is used up",
                vec![(Period::Day, 5, 40), (Period::Hour, 1, 1)],
                Period::Day,
            ),
            (
                "numbers at their ends",
                vec![(Period::Day, u64::MAX, 0), (Period::Hour, u64::MAX, 1)],
                Period::Hour,
            ),
        ];
        for (why, windows, want) in cases {
            let mut states: Vec<_> =
                windows.into_iter().map(|(per, max, used)| state(per, max, used)).collect();
            assert_eq!(tightest(&states).map(|s| s.per), Some(want), "{why}");
            states.reverse();
            assert_eq!(tightest(&states).map(|s| s.per), Some(want), "{why}, in the other order");
        }
        assert_eq!(tightest(&[]), None);
    }

    #[test]
    fn room_ends_exactly_at_the_maximum() {
        let cases = [
            ("the last one", 4, 1, true),
            ("one too many", 5, 1, false),
            ("all at once", 0, 5, true),
            ("more than all", 0, 6, false),
            ("nothing fits even when all is used", 9, 0, true),
            ("no overflow", u64::MAX, u64::MAX, false),
        ];
        for (why, used, cost, fits) in cases {
            assert_eq!(state(Period::Day, 5, used).has_room_for(cost), fits, "{why}");
        }
    }
}
