//! How one window of a limit stands for one subject, and which of several is the tightest. From whatever store.

use super::calendar::Interval;
use crate::plan_table::Period;
use crate::time::Micros;
use std::cmp::Ordering;

/// How one window of the plan in force stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowState {
    /// Its kind.
    pub per: Period,
    /// How much the plan allows in it.
    pub max: u64,
    /// How much was used in it so far. More than `max` where a higher plan was in force before.
    pub used: u64,
    /// From when to when it is.
    pub interval: Interval,
}

impl WindowState {
    /// How much is left.
    pub(crate) const fn remaining(&self) -> u64 {
        self.max.saturating_sub(self.used)
    }

    /// When all of it is there again.
    pub(crate) const fn reset(&self) -> Micros {
        self.interval.end
    }

    /// Whether a request of that cost still fits. One that costs nothing always does.
    pub(crate) const fn has_room_for(&self, cost: u64) -> bool {
        cost <= self.remaining()
    }

    /// Smaller is tighter: the smallest part that remains, and of equals the one that resets last.
    fn compare_tightness(&self, other: &WindowState) -> Ordering {
        // A maximum of 0 counts as 1: nothing remains of either.
        let part = |of: &WindowState, by: &WindowState| {
            u128::from(of.remaining()).saturating_mul(u128::from(by.max.max(1)))
        };
        part(self, other).cmp(&part(other, self)).then_with(|| other.reset().cmp(&self.reset()))
    }
}

/// The window that a client should heed: the one with the smallest part left, of equals the one that resets last.
/// None of none.
pub(crate) fn tightest(states: &[WindowState]) -> Option<&WindowState> {
    states.iter().min_by(|a, b| a.compare_tightness(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(per: Period, max: u64, used: u64) -> WindowState {
        WindowState { per, max, used, interval: Interval::of(per, Micros::from_secs(1_795_257_600)) }
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
