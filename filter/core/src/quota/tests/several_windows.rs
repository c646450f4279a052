//! Tests of several windows at once, and of requests of any cost, which count in all windows or in none.

use super::{SharedBuckets, at, fingerprint, window};
use crate::plan_table::{Period, Window};
use crate::quota::calendar::Interval;
use crate::quota::spend::{Decision, spend};
use proptest::prelude::*;

const PLAN: &[Window] = &[window(25, Period::Month), window(10, Period::Minute)];

fn used(shared: &SharedBuckets, second: u64) -> Vec<u64> {
    shared.states(PLAN, at(second)).iter().map(|state| state.used).collect()
}

#[test]
fn a_refused_request_counts_in_no_window() {
    let mut shared = SharedBuckets::default();
    assert_eq!(shared.served(PLAN, 30, at(0)), 10);
    assert_eq!(used(&shared, 59), [10, 10]);
    let refused = shared.request(PLAN, 1, at(59));
    let minute = Decision::Refused { exhausted: vec![Period::Minute], reset: at(60) };
    assert_eq!((refused.decision, refused.new_bytes), (minute, None));

    assert_eq!(shared.served(PLAN, 30, at(60)), 10);
    assert_eq!(shared.served(PLAN, 30, at(120)), 5, "now the month is full");
    assert_eq!(used(&shared, 120), [25, 5], "the minute did not count the refusal");
    let month_ends = Interval::containing(Period::Month, at(0)).end;
    let month = Decision::Refused { exhausted: vec![Period::Month], reset: month_ends };
    assert_eq!(shared.request(PLAN, 1, at(121)).decision, month);
}

#[test]
fn if_several_are_exhausted_the_latest_reset_counts() {
    let mut shared = SharedBuckets::default();
    let plan = [window(3, Period::Minute), window(3, Period::Day), window(9, Period::Month)];
    assert_eq!(shared.served(&plan, 9, at(0)), 3);
    let day = Decision::Refused { exhausted: vec![Period::Minute, Period::Day], reset: at(86_400) };
    assert_eq!(shared.request(&plan, 1, at(1)).decision, day);
}

#[test]
fn a_cost_is_admitted_as_a_whole_or_not_at_all() {
    let cases = [
        ("exactly what is left", 2, Decision::Admitted, 10),
        ("one more than is left", 3, Decision::Refused { exhausted: vec![Period::Minute], reset: at(60) }, 8),
        ("a whole window", 10, Decision::Refused { exhausted: vec![Period::Minute], reset: at(60) }, 8),
        ("more than the smallest window ever has", 11, Decision::NeverFits, 8),
        ("the largest cost", u64::MAX, Decision::NeverFits, 8),
        ("nothing", 0, Decision::Admitted, 8),
    ];
    for (why, cost, decision, minute_used) in cases {
        let mut shared = SharedBuckets::default();
        assert_eq!(shared.request(PLAN, 8, at(0)).decision, Decision::Admitted);
        let spending = shared.request(PLAN, cost, at(1));
        assert_eq!(spending.decision, decision, "{why}");
        assert_eq!(spending.states[1].used, minute_used, "{why}");
        assert_eq!(spending.states, shared.states(PLAN, at(2)), "the returned states are stored: {why}");
    }
}

#[test]
fn the_smallest_and_the_largest_maximum_are_respected() {
    let mut shared = SharedBuckets::default();
    assert_eq!(shared.request(&[window(0, Period::Day)], 1, at(0)).decision, Decision::NeverFits);
    let endless = [window(u64::MAX, Period::Day)];
    assert_eq!(shared.request(&endless, u64::MAX, at(0)).decision, Decision::Admitted);
    assert!(matches!(shared.request(&endless, 1, at(0)).decision, Decision::Refused { .. }));
}

#[test]
fn an_unreadable_bucket_is_reported_and_replaced() {
    let mut shared = SharedBuckets { value: Some(b"{}".to_vec()), version: 1 };
    assert!(shared.request(PLAN, 11, at(0)).unreadable, "even if it is not replaced");
    assert_eq!(shared.value.as_deref(), Some(&b"{}"[..]));
    assert!(shared.request(PLAN, 1, at(0)).unreadable);
    assert!(!shared.request(PLAN, 1, at(0)).unreadable);
    assert_eq!(used(&shared, 0), [2, 2]);
}

const PERIODS: [Period; 6] =
    [Period::Second, Period::Minute, Period::Hour, Period::Day, Period::Week, Period::Month];

/// Generates some of the periods, each with a maximum.
fn any_plan() -> impl Strategy<Value = Vec<Window>> {
    prop::collection::vec(0_u64..12, 6).prop_flat_map(|maxima| {
        let all: Vec<Window> = PERIODS.iter().zip(maxima).map(|(per, max)| window(max, *per)).collect();
        prop::sample::subsequence(all, 1..=6).prop_shuffle()
    })
}

proptest! {
    /// Compares with a model without bytes: for each plan in force, request by request.
    #[test]
    fn requests_are_served_exactly_if_all_windows_have_room(
        requests in prop::collection::vec((any_plan(), 0_u64..5, 0_u64..400), 1..60),
    ) {
        let mut shared = SharedBuckets::default();
        let mut model: Vec<(Interval, Period, u64)> = Vec::new();
        let mut second = 0;
        for (plan, cost, pause_s) in requests {
            second += pause_s;
            let now = at(second);
            let used = |model: &[(Interval, Period, u64)], per| {
                let present = (Interval::containing(per, now), per);
                model.iter().filter(|(i, p, _)| (*i, *p) == present).map(|(_, _, cost)| *cost).sum::<u64>()
            };
            let fits = plan.iter().all(|w| cost == 0 || used(&model, w.per) + cost <= w.max);
            let before = shared.clone();
            let spending = shared.request(&plan, cost, now);
            prop_assert_eq!(spending.decision == Decision::Admitted, fits);
            if fits {
                model.extend(plan.iter().map(|w| (Interval::containing(w.per, now), w.per, cost)));
            } else {
                prop_assert_eq!(&before.value, &shared.value, "a refused request changes nothing");
            }
            for (state, w) in spending.states.iter().zip(&plan) {
                prop_assert_eq!((state.per, state.max), (w.per, w.max));
                prop_assert_eq!(state.used, used(&model, w.per));
                prop_assert!(!fits || cost == 0 || state.used <= state.max);
                prop_assert!(state.interval.start <= now && now < state.interval.end);
            }
        }
    }

    #[test]
    fn any_bytes_cost_and_time_are_handled(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        plan in any_plan(),
        cost in any::<u64>(),
        now in any::<u64>(),
    ) {
        let now = crate::time::Micros::from_micros(now);
        let spending = spend(Some(&bytes), fingerprint("user_1"), &plan, cost, now);
        prop_assert_eq!(spending.states.len(), plan.len());
    }
}
