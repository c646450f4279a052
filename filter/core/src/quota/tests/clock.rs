//! Tests of clocks that differ between workers, step back, or were far ahead.

use super::{FREE, PRO, SharedBuckets, at, fingerprint, window};
use crate::plan_table::{Period, Window};
use crate::quota::bucket::CLOCK_STEP_S_MAX;
use crate::quota::calendar::Interval;
use crate::quota::spend::{Decision, spend};
use crate::time::Micros;
use proptest::prelude::*;

const DAY_S: u64 = 86_400;

#[test]
fn a_window_resets_exactly_at_its_boundary() {
    let cases = [
        (Period::Second, at(1)),
        (Period::Minute, at(60)),
        (Period::Hour, at(3_600)),
        (Period::Day, at(DAY_S)),
        (Period::Week, at(2 * DAY_S)),
        (Period::Month, at(10 * DAY_S)),
    ];
    for (per, boundary) in cases {
        let mut shared = SharedBuckets::default();
        let plan = [window(3, per)];
        assert_eq!(shared.served(&plan, 9, at(0)), 3, "{per:?}");
        let just_before = Micros::from_micros(boundary.as_micros() - 1);
        assert_eq!(shared.served(&plan, 9, just_before), 0, "{per:?}");
        assert_eq!(shared.served(&plan, 9, boundary), 3, "{per:?}");
    }
}

#[test]
fn a_worker_whose_clock_is_behind_counts_in_the_later_window() {
    let mut shared = SharedBuckets::default();
    let midnight = at(DAY_S);
    let before = Micros::from_micros(midnight.as_micros() - 1);
    assert_eq!(shared.served(FREE, 9, before), 5);
    assert_eq!(shared.served(FREE, 2, midnight), 2);
    let behind = shared.request(FREE, 1, before);
    assert_eq!(behind.decision, Decision::Admitted);
    assert_eq!(
        behind.states[0].interval,
        Interval::containing(Period::Day, midnight),
        "the later day is returned"
    );
    assert_eq!(shared.served(FREE, 9, before), 2);
    assert_eq!(shared.served(FREE, 9, midnight), 0, "it has five, for both clocks");
}

#[test]
fn counts_survive_a_small_step_back_over_the_boundary() {
    let mut shared = SharedBuckets::default();
    assert_eq!(shared.served(FREE, 9, at(DAY_S - 1)), 5);
    // Another subject's request after midnight, which removes counters that are over.
    let other = spend(shared.value.as_deref(), fingerprint("user_2"), FREE, 1, at(DAY_S + 10));
    shared.value = other.new_bytes;
    assert_eq!(shared.served(FREE, 9, at(DAY_S - 1)), 0);
}

#[test]
fn a_clock_that_was_far_ahead_neither_refuses_nor_grants_more() {
    let mut shared = SharedBuckets::default();
    let next_year = at(365 * DAY_S);
    assert_eq!(shared.served(PRO, 60, next_year), 60);
    let present = shared.request(PRO, 1, at(0));
    assert_eq!((present.decision, present.states[0].used), (Decision::Admitted, 61), "the count is kept");
    assert_eq!(
        present.states[0].interval,
        Interval::containing(Period::Month, at(0)),
        "in the present month"
    );
    assert_eq!(shared.served(PRO, 200, at(1)), 39);
    assert_eq!(shared.served(PRO, 200, at(10 * DAY_S)), 100, "and resets with it");
}

#[test]
fn a_later_window_is_used_if_it_starts_within_the_clock_slack() {
    let cases = [
        ("a second off", Period::Second, at(60), at(59), true),
        ("two seconds off", Period::Second, at(60), at(58), false),
        ("a minute off", Period::Minute, at(120), at(60), true),
        ("more than a minute", Period::Minute, at(120), at(59), false),
        ("an hour off", Period::Day, at(DAY_S), at(DAY_S - CLOCK_STEP_S_MAX), true),
        ("more than an hour", Period::Day, at(DAY_S), at(DAY_S - CLOCK_STEP_S_MAX - 1), false),
        ("far into the day, but its start is near", Period::Day, at(2 * DAY_S - 1), at(DAY_S - 1), true),
        ("an hour off the month's end", Period::Month, at(10 * DAY_S), at(10 * DAY_S - 3_600), true),
        ("a day off the month's end", Period::Month, at(10 * DAY_S), at(9 * DAY_S), false),
    ];
    for (why, per, ahead, now, is_used) in cases {
        let mut shared = SharedBuckets::default();
        let plan = [window(5, per)];
        assert_eq!(shared.served(&plan, 2, ahead), 2, "{why}");
        let state = shared.states(&plan, now)[0];
        let want = Interval::containing(per, if is_used { ahead } else { now });
        assert_eq!((state.interval, state.used), (want, 2), "{why}");
    }
}

proptest! {
    /// Sums the admitted cost of each returned window: a step back may refuse early, but never admits more
    /// than the maximum.
    #[test]
    fn small_steps_of_the_clock_never_admit_more_than_the_maximum(
        per in prop::sample::select(vec![Period::Second, Period::Minute, Period::Hour, Period::Day]),
        steps in prop::collection::vec((-100_i64..=160, 1_u64..4), 1..150),
    ) {
        let length_s = Interval::containing(per, at(0)).length_s();
        let slack_s = length_s.min(CLOCK_STEP_S_MAX);
        let plan: [Window; 1] = [window(6, per)];
        let mut shared = SharedBuckets::default();
        let mut admitted: Vec<(Interval, u64)> = Vec::new();
        let (mut now, mut latest) = (at(0).as_micros(), at(0).as_micros());
        for (percent, cost) in steps {
            // Steps of up to the slack and a half; never further back than the slack from the latest time.
            let step = percent * i64::try_from(slack_s * 10_000).unwrap();
            now = now.saturating_add_signed(step).max(latest - slack_s * 1_000_000);
            latest = latest.max(now);
            let spending = shared.request(&plan, cost, Micros::from_micros(now));
            if spending.decision == Decision::Admitted {
                admitted.push((spending.states[0].interval, cost));
            }
        }
        for (interval, _) in &admitted {
            let sum: u64 = admitted.iter().filter(|(i, _)| i == interval).map(|(_, cost)| cost).sum();
            prop_assert!(sum <= 6, "{sum} in {interval:?}");
        }
    }
}
