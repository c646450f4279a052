//! The use of a limit by a subject, as one gateway has observed it, and the choice of the next call.
//!
//! The service counts each window separately, and an addition cannot be undone. Therefore, if a refused
//! addition would do harm, the gateway queries the windows first and adds only what fits. After a refusal it
//! does not query again.

use crate::plan_table::{Period, Window};
use crate::quota::calendar::Interval;
use crate::quota::spend::{Decision, decide};
use crate::quota::window_state::WindowState;
use crate::time::Micros;

/// The gateway queries before it adds if fewer requests than this are left. Every other gateway and worker
/// thread that serves the same subject may have used one of them since the last observation.
const FEW_REQUESTS: u64 = 16;

/// The observation of one window.
#[derive(Clone, Copy, Debug)]
struct ObservedWindow {
    interval: Interval,
    used: u64,
    /// The plan's maximum at which a request was refused.
    refused_at: Option<u64>,
}

/// The observations of one subject and limit: at most one window of each period.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ObservedUsage([Option<ObservedWindow>; Period::ALL.len()]);

/// The next call for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NextCall {
    /// Query the state of the windows.
    Query,
    /// Count the request.
    Add,
    /// Refuse the request without a call.
    Refuse {
        /// The time when the last of the full windows resets.
        reset: Micros,
    },
}

impl ObservedUsage {
    /// Takes a response to a query. The use may be less than before if the service's Redis has lost data.
    pub(crate) fn observe(&mut self, states: &[WindowState]) {
        self.update(states, |_, observed| observed);
    }

    /// Takes a response that may have been overtaken by those to concurrent additions: the larger use counts.
    pub(crate) fn observe_concurrently(&mut self, states: &[WindowState]) {
        self.update(states, u64::max);
    }

    fn update(&mut self, states: &[WindowState], used: impl Fn(u64, u64) -> u64) {
        for state in states {
            let Some(slot) = self.0.get_mut(state.per.number()) else { continue };
            if slot.is_some_and(|known| known.interval.start > state.interval.start) {
                continue;
            }
            let known = slot.filter(|known| known.interval == state.interval);
            let used = known.map_or(state.used, |known| used(known.used, state.used));
            let refused_at = known.and_then(|known| known.refused_at);
            *slot = Some(ObservedWindow { interval: state.interval, used, refused_at });
        }
    }

    /// Records that a request of that cost was refused in windows with these states, which are from the
    /// service.
    pub(crate) fn refuse(&mut self, states: &[WindowState], cost: u64) {
        for state in states.iter().filter(|state| !state.has_room_for(cost)) {
            if let Some(known) = self.0.get_mut(state.per.number()).and_then(Option::as_mut) {
                known.refused_at = Some(state.max);
            }
        }
    }

    /// Returns the observed state of a plan's windows, in the plan's order.
    pub(crate) fn states(&self, windows: &[Window], now: Micros) -> Vec<WindowState> {
        let state = |window: &Window| {
            let known = self.window(window.per, now);
            let interval =
                known.map_or_else(|| Interval::containing(window.per, now), |known| known.interval);
            let used = known.map_or(0, |known| known.used);
            WindowState { per: window.per, max: window.max, used, interval }
        };
        windows.iter().map(state).collect()
    }

    /// Returns the first call for a request of that cost.
    ///
    /// A recorded refusal applies while its window lasts, the plan's maximum is the same, and there is no
    /// room for this cost. `recheck` is set if the subject's plan has just changed: then the windows are
    /// queried again.
    pub(crate) fn first(&self, windows: &[Window], cost: u64, recheck: bool, now: Micros) -> NextCall {
        let states = self.states(windows, now);
        let is_refused = |state: &&WindowState| {
            let known = self.window(state.per, now);
            !state.has_room_for(cost) && known.is_some_and(|known| known.refused_at == Some(state.max))
        };
        let refused = states.iter().filter(is_refused).map(WindowState::reset).max();
        match refused {
            Some(reset) if !recheck => NextCall::Refuse { reset },
            _ if states.iter().any(|state| !state.has_room_for(cost)) => NextCall::Query,
            _ if is_harmful_if_refused(windows, cost) && self.may_have_few_left(windows, cost, now) => {
                NextCall::Query
            }
            _ => NextCall::Add,
        }
    }

    /// Returns the next call after a query. `adding` is set while this gateway adds other requests, which may
    /// be missing in the response.
    pub(crate) fn after_reading(&self, windows: &[Window], cost: u64, adding: bool, now: Micros) -> NextCall {
        match decide(&self.states(windows, now), cost) {
            Decision::Refused { reset, .. } => NextCall::Refuse { reset },
            Decision::NeverFits => NextCall::Refuse { reset: now },
            // Add one after another, so that none is refused after it was counted in another window.
            Decision::Admitted
                if adding
                    && is_harmful_if_refused(windows, cost)
                    && self.may_have_few_left(windows, cost, now) =>
            {
                NextCall::Query
            }
            Decision::Admitted => NextCall::Add,
        }
    }

    fn may_have_few_left(&self, windows: &[Window], cost: u64, now: Micros) -> bool {
        let many = cost.saturating_mul(FEW_REQUESTS);
        let has_many = |window: &Window| {
            self.window(window.per, now).is_some_and(|known| window.max.saturating_sub(known.used) >= many)
        };
        !windows.iter().all(has_many)
    }

    fn window(&self, per: Period, now: Micros) -> Option<ObservedWindow> {
        self.0.get(per.number()).copied().flatten().filter(|known| now < known.interval.end)
    }
}

/// Returns whether a request that is counted but refused does harm: it uses up room in another window, or
/// room for a cheaper request.
fn is_harmful_if_refused(windows: &[Window], cost: u64) -> bool {
    windows.len() > 1 || cost > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-26T14:30:15Z.
    const NOW: Micros = Micros::from_secs(1_795_703_415);
    const MINUTE: Window = Window { max: 10, per: Period::Minute };
    const DAY: Window = Window { max: 5, per: Period::Day };
    const MONTH: Window = Window { max: 100, per: Period::Month };

    fn state(window: Window, used: u64) -> WindowState {
        WindowState {
            per: window.per,
            max: window.max,
            used,
            interval: Interval::containing(window.per, NOW),
        }
    }

    fn observed(states: &[WindowState]) -> ObservedUsage {
        let mut observed = ObservedUsage::default();
        observed.observe(states);
        observed
    }

    #[test]
    fn one_window_is_queried_only_if_the_observed_use_leaves_no_room() {
        let cases = [
            ("nothing known", observed(&[]), 1, NextCall::Add),
            ("room for it", observed(&[state(DAY, 4)]), 1, NextCall::Add),
            ("used up", observed(&[state(DAY, 5)]), 1, NextCall::Query),
            ("a higher cost, nothing known", observed(&[]), 2, NextCall::Query),
            ("a higher cost, few left", observed(&[state(DAY, 1)]), 2, NextCall::Query),
        ];
        for (why, observed, cost, want) in cases {
            assert_eq!(observed.first(&[DAY], cost, false, NOW), want, "{why}");
        }
        let roomy = observed(&[state(MONTH, 60)]);
        assert_eq!(roomy.first(&[MONTH], 2, false, NOW), NextCall::Add, "a higher cost, many left");
        assert_eq!(roomy.first(&[MONTH], 3, false, NOW), NextCall::Query, "40 of 3 are fewer than sixteen");
    }

    #[test]
    fn several_windows_are_queried_unless_many_are_left_in_each() {
        let roomy = Window { max: 1_000, per: Period::Minute };
        let cases = [
            ("nothing known", observed(&[]), NextCall::Query),
            ("one of them", observed(&[state(roomy, 1)]), NextCall::Query),
            ("many left in both", observed(&[state(roomy, 1), state(MONTH, 84)]), NextCall::Add),
            ("few left in one", observed(&[state(roomy, 1), state(MONTH, 85)]), NextCall::Query),
        ];
        for (why, observed, want) in cases {
            assert_eq!(observed.first(&[roomy, MONTH], 1, false, NOW), want, "{why}");
        }
    }

    #[test]
    fn a_recorded_refusal_applies_to_the_same_cost_and_maximum() {
        let mut observed = observed(&[state(DAY, 4)]);
        observed.refuse(&[state(DAY, 4)], 2);
        let reset = Interval::containing(Period::Day, NOW).end;
        let refuse = NextCall::Refuse { reset };
        let first = |windows: &[Window], cost, recheck, now| observed.first(windows, cost, recheck, now);
        assert_eq!(first(&[DAY], 2, false, NOW), refuse);
        assert_eq!(first(&[DAY], 3, false, NOW), refuse, "nor does a higher cost fit");
        assert_eq!(first(&[DAY], 1, false, NOW), NextCall::Add, "a lower cost may");
        assert_eq!(first(&[DAY], 2, true, NOW), NextCall::Query, "the plan may have changed");
        assert_eq!(first(&[Window { max: 50, ..DAY }], 2, false, NOW), NextCall::Add, "it has changed");
        assert_eq!(first(&[Window { max: 4, ..DAY }], 1, false, NOW), NextCall::Query, "to a lower one");
        assert_eq!(first(&[DAY], 2, false, reset), NextCall::Query, "another day: nothing is known");
        assert_eq!(first(&[MINUTE, DAY], 2, false, NOW), refuse, "for any state of the other window");
    }

    #[test]
    fn requests_are_added_one_at_a_time_if_few_are_left() {
        let both = observed(&[state(MINUTE, 9), state(MONTH, 50)]);
        let after_query = |observed: &ObservedUsage, windows: &[Window], adding| {
            observed.after_reading(windows, 1, adding, NOW)
        };
        assert_eq!(after_query(&both, &[MINUTE, MONTH], false), NextCall::Add);
        assert_eq!(
            after_query(&both, &[MINUTE, MONTH], true),
            NextCall::Query,
            "this gateway is adding another"
        );
        assert_eq!(
            after_query(&observed(&[state(DAY, 4)]), &[DAY], true),
            NextCall::Add,
            "a refusal would do no harm"
        );
        let full = observed(&[state(MINUTE, 10), state(MONTH, 50)]);
        let reset = Interval::containing(Period::Minute, NOW).end;
        assert_eq!(after_query(&full, &[MINUTE, MONTH], false), NextCall::Refuse { reset });
    }

    #[test]
    fn the_last_response_counts_until_the_next_window() {
        let mut observed = observed(&[state(DAY, 4)]);
        observed.observe_concurrently(&[state(DAY, 3)]);
        assert_eq!(observed.states(&[DAY], NOW)[0].used, 4, "a response that was overtaken");
        observed.observe(&[state(DAY, 2)]);
        assert_eq!(observed.states(&[DAY], NOW)[0].used, 2, "a query: the service has lost data");
        let tomorrow = Interval::containing(Period::Day, NOW).end;
        assert_eq!(
            observed.states(&[DAY], tomorrow)[0],
            WindowState { used: 0, interval: Interval::containing(Period::Day, tomorrow), ..state(DAY, 0) }
        );
        let next = WindowState { interval: Interval::containing(Period::Day, tomorrow), ..state(DAY, 1) };
        observed.refuse(&[state(DAY, 5)], 1);
        observed.observe(&[next]);
        assert_eq!(observed.states(&[DAY], tomorrow)[0].used, 1);
        assert_eq!(
            observed.first(&[Window { max: 1, ..DAY }], 1, false, tomorrow),
            NextCall::Query,
            "no refusal of it"
        );
        observed.observe(&[state(DAY, 5)]);
        assert_eq!(observed.states(&[DAY], tomorrow)[0].used, 1, "a late response of yesterday");
    }
}
