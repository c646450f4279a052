//! Tests of plan changes: a window continues with the count of an earlier window of the same period, or
//! starts at zero.

use super::{FREE, PRO, SharedBuckets, at, window};
use crate::plan_table::Period;
use crate::quota::calendar::Interval;
use crate::quota::spend::Decision;

#[test]
fn upgrading_from_five_a_day_to_a_hundred_a_month_starts_at_zero() {
    let mut shared = SharedBuckets::default();
    assert_eq!(shared.served(FREE, 9, at(0)), 5);
    assert_eq!(shared.states(PRO, at(1))[0].used, 0);
    assert_eq!(shared.served(PRO, 200, at(1)), 100, "a subject without room is served after an upgrade");
}

#[test]
fn a_plan_that_returns_continues_with_its_count() {
    let mut shared = SharedBuckets::default();
    assert_eq!(shared.served(PRO, 40, at(0)), 40);
    assert_eq!(shared.served(FREE, 9, at(10)), 5, "the count of the month is not that of the day");
    assert_eq!(shared.states(PRO, at(20))[0].used, 40, "nor the count of the day that of the month");
    assert_eq!(shared.served(PRO, 200, at(20)), 60);
    let december = Interval::containing(Period::Month, at(0)).end;
    assert_eq!(shared.served(PRO, 200, december), 100, "the month after is another one");
}

#[test]
fn a_window_of_the_same_period_continues_with_another_maximum() {
    let mut shared = SharedBuckets::default();
    let (few, many) = ([window(5, Period::Day)], [window(50, Period::Day)]);
    assert_eq!(shared.served(&few, 9, at(0)), 5);
    assert_eq!(shared.served(&many, 99, at(1)), 45);
    let downgraded = shared.states(&few, at(2))[0];
    assert_eq!((downgraded.used, downgraded.remaining()), (50, 0));
    assert_eq!(shared.served(&few, 9, at(2)), 0);
    assert_eq!(shared.served(&few, 9, at(86_400)), 5, "until the next day");
}

#[test]
fn only_windows_that_both_plans_have_continue() {
    let mut shared = SharedBuckets::default();
    let lower = [window(10, Period::Day), window(3, Period::Minute)];
    let higher = [window(10, Period::Minute), window(1_000, Period::Month)];
    assert_eq!(shared.served(&lower, 9, at(0)), 3);
    let used: Vec<u64> = shared.states(&higher, at(1)).iter().map(|state| state.used).collect();
    assert_eq!(used, [3, 0]);
    assert_eq!(shared.served(&higher, 20, at(1)), 7);
}

#[test]
fn a_change_from_unlimited_starts_at_zero() {
    let mut shared = SharedBuckets::default();
    assert_eq!(shared.request(&[], 1, at(0)).decision, Decision::Admitted);
    assert!(shared.value.is_none(), "no windows, nothing to count");
    assert_eq!(shared.served(PRO, 200, at(1)), 100);
}
