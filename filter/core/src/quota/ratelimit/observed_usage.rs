//! What a gateway has observed of one subject's use of one limit, and what it calls for the next request.
//!
//! The service counts each window by itself, and what was added cannot be taken back. So where a refused addition
//! would do harm, the gateway asks first and adds only what fits; and what was refused once it does not ask again.

use crate::plan_table::{Period, Window};
use crate::quota::calendar::Interval;
use crate::quota::spend::{Decision, decide};
use crate::quota::window_state::WindowState;
use crate::time::Micros;

/// With fewer requests than this left, a careful gateway asks before it adds. Every other gateway and worker thread
/// that serves the same subject may have used one of them since this one observed of it.
const FEW_REQUESTS: u64 = 16;

/// What was observed of one window.
#[derive(Clone, Copy, Debug)]
struct ObservedWindow {
    interval: Interval,
    used: u64,
    /// The plan's maximum at which a request was refused.
    refused_at: Option<u64>,
}

/// What was observed of the windows of one subject and limit: at most one of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ObservedUsage([Option<ObservedWindow>; Period::ALL.len()]);

/// What to do about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NextCall {
    /// Ask how the windows stand.
    Ask,
    /// Count it.
    Add,
    /// It does not fit; nobody need be asked.
    Refuse {
        /// When the last of the windows without room begins anew.
        reset: Micros,
    },
}

impl ObservedUsage {
    /// Takes in what the service said, which may be less than before: then its Redis has lost something.
    pub(crate) fn observe(&mut self, states: &[WindowState]) {
        self.take(states, |_, said| said);
    }

    /// Takes in what it said while it was told other things too: then the answers may have overtaken each other.
    pub(crate) fn observe_concurrently(&mut self, states: &[WindowState]) {
        self.take(states, u64::max);
    }

    fn take(&mut self, states: &[WindowState], used: impl Fn(u64, u64) -> u64) {
        for state in states {
            let Some(place) = self.0.get_mut(state.per.number()) else { continue };
            if place.is_some_and(|known| known.interval.start > state.interval.start) {
                continue;
            }
            let known = place.filter(|known| known.interval == state.interval);
            let used = known.map_or(state.used, |known| used(known.used, state.used));
            let refused_at = known.and_then(|known| known.refused_at);
            *place = Some(ObservedWindow { interval: state.interval, used, refused_at });
        }
    }

    /// Remembers that a request of that cost was refused, which the service was asked for: in windows that stand so.
    pub(crate) fn refuse(&mut self, states: &[WindowState], cost: u64) {
        for state in states.iter().filter(|state| !state.has_room_for(cost)) {
            if let Some(known) = self.0.get_mut(state.per.number()).and_then(Option::as_mut) {
                known.refused_at = Some(state.max);
            }
        }
    }

    /// How the windows of a plan stand as far as is known, in the plan's order.
    pub(crate) fn states(&self, windows: &[Window], now: Micros) -> Vec<WindowState> {
        let state = |window: &Window| {
            let known = self.of(window.per, now);
            let interval = known.map_or_else(|| Interval::of(window.per, now), |known| known.interval);
            let used = known.map_or(0, |known| known.used);
            WindowState { per: window.per, max: window.max, used, interval }
        };
        windows.iter().map(state).collect()
    }

    /// What to do about a request of that cost that nothing was asked for yet.
    ///
    /// A refusal that is remembered is the answer as long as its window lasts, the plan's maximum is the same and
    /// there is no room for this very cost. `doubted`: something was learned since that makes it worth asking again.
    pub(crate) fn first(&self, windows: &[Window], cost: u64, doubted: bool, now: Micros) -> NextCall {
        let states = self.states(windows, now);
        let is_refused = |state: &&WindowState| {
            let known = self.of(state.per, now);
            !state.has_room_for(cost) && known.is_some_and(|known| known.refused_at == Some(state.max))
        };
        let refused = states.iter().filter(is_refused).map(WindowState::reset).max();
        match refused {
            Some(reset) if !doubted => NextCall::Refuse { reset },
            _ if states.iter().any(|state| !state.has_room_for(cost)) => NextCall::Ask,
            _ if is_delicate(windows, cost) && self.may_have_few_left(windows, cost, now) => NextCall::Ask,
            _ => NextCall::Add,
        }
    }

    /// What to do about it once the service has said how the windows stand. `adding`: this gateway is adding to them
    /// for other requests, whose outcome is not in what was said.
    pub(crate) fn after_reading(&self, windows: &[Window], cost: u64, adding: bool, now: Micros) -> NextCall {
        match decide(&self.states(windows, now), cost) {
            Decision::Refused { reset, .. } => NextCall::Refuse { reset },
            Decision::NeverFits => NextCall::Refuse { reset: now },
            // One after the other: none of them is refused when it was counted in another window.
            Decision::Admitted
                if adding && is_delicate(windows, cost) && self.may_have_few_left(windows, cost, now) =>
            {
                NextCall::Ask
            }
            Decision::Admitted => NextCall::Add,
        }
    }

    fn may_have_few_left(&self, windows: &[Window], cost: u64, now: Micros) -> bool {
        let many = cost.saturating_mul(FEW_REQUESTS);
        let has_many = |window: &Window| {
            self.of(window.per, now).is_some_and(|known| window.max.saturating_sub(known.used) >= many)
        };
        !windows.iter().all(has_many)
    }

    fn of(&self, per: Period, now: Micros) -> Option<ObservedWindow> {
        self.0.get(per.number()).copied().flatten().filter(|known| now < known.interval.end)
    }
}

/// Whether to be counted and refused does harm: it uses up what another window, or a cheaper request, had room for.
fn is_delicate(windows: &[Window], cost: u64) -> bool {
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
        WindowState { per: window.per, max: window.max, used, interval: Interval::of(window.per, NOW) }
    }

    fn observed(states: &[WindowState]) -> ObservedUsage {
        let mut observed = ObservedUsage::default();
        observed.observe(states);
        observed
    }

    #[test]
    fn one_window_is_asked_only_when_the_last_known_use_leaves_no_room() {
        let cases = [
            ("nothing known", observed(&[]), 1, NextCall::Add),
            ("room for it", observed(&[state(DAY, 4)]), 1, NextCall::Add),
            ("used up", observed(&[state(DAY, 5)]), 1, NextCall::Ask),
            ("a dear one, nothing known", observed(&[]), 2, NextCall::Ask),
            ("a dear one, few left", observed(&[state(DAY, 1)]), 2, NextCall::Ask),
        ];
        for (why, observed, cost, want) in cases {
            assert_eq!(observed.first(&[DAY], cost, false, NOW), want, "{why}");
        }
        let roomy = observed(&[state(MONTH, 60)]);
        assert_eq!(roomy.first(&[MONTH], 2, false, NOW), NextCall::Add, "a dear one, many left");
        assert_eq!(roomy.first(&[MONTH], 3, false, NOW), NextCall::Ask, "40 of 3 are fewer than sixteen");
    }

    #[test]
    fn several_windows_are_asked_first_unless_many_are_left_in_each() {
        let roomy = Window { max: 1_000, per: Period::Minute };
        let cases = [
            ("nothing known", observed(&[]), NextCall::Ask),
            ("one of them", observed(&[state(roomy, 1)]), NextCall::Ask),
            ("many left in both", observed(&[state(roomy, 1), state(MONTH, 84)]), NextCall::Add),
            ("few left in one", observed(&[state(roomy, 1), state(MONTH, 85)]), NextCall::Ask),
        ];
        for (why, observed, want) in cases {
            assert_eq!(observed.first(&[roomy, MONTH], 1, false, NOW), want, "{why}");
        }
    }

    #[test]
    fn a_refusal_is_remembered_for_what_was_refused() {
        let mut observed = observed(&[state(DAY, 4)]);
        observed.refuse(&[state(DAY, 4)], 2);
        let reset = Interval::of(Period::Day, NOW).end;
        let refuse = NextCall::Refuse { reset };
        let first = |windows: &[Window], cost, doubted, now| observed.first(windows, cost, doubted, now);
        assert_eq!(first(&[DAY], 2, false, NOW), refuse);
        assert_eq!(first(&[DAY], 3, false, NOW), refuse, "nor does a dearer one fit");
        assert_eq!(first(&[DAY], 1, false, NOW), NextCall::Add, "a cheaper one may");
        assert_eq!(first(&[DAY], 2, true, NOW), NextCall::Ask, "the plan may have changed");
        assert_eq!(first(&[Window { max: 50, ..DAY }], 2, false, NOW), NextCall::Add, "it has changed");
        assert_eq!(first(&[Window { max: 4, ..DAY }], 1, false, NOW), NextCall::Ask, "to a lower one");
        assert_eq!(first(&[DAY], 2, false, reset), NextCall::Ask, "another day: nothing is known");
        assert_eq!(first(&[MINUTE, DAY], 2, false, NOW), refuse, "whatever the other window says");
    }

    #[test]
    fn what_fits_is_counted_and_one_at_a_time_where_few_are_left() {
        let both = observed(&[state(MINUTE, 9), state(MONTH, 50)]);
        let asked = |observed: &ObservedUsage, windows: &[Window], adding| {
            observed.after_reading(windows, 1, adding, NOW)
        };
        assert_eq!(asked(&both, &[MINUTE, MONTH], false), NextCall::Add);
        assert_eq!(
            asked(&both, &[MINUTE, MONTH], true),
            NextCall::Ask,
            "another of this gateway's is under way"
        );
        assert_eq!(
            asked(&observed(&[state(DAY, 4)]), &[DAY], true),
            NextCall::Add,
            "a refusal would do no harm"
        );
        let full = observed(&[state(MINUTE, 10), state(MONTH, 50)]);
        let reset = Interval::of(Period::Minute, NOW).end;
        assert_eq!(asked(&full, &[MINUTE, MONTH], false), NextCall::Refuse { reset });
    }

    #[test]
    fn a_window_is_as_it_was_said_last_and_begins_anew_with_the_next() {
        let mut observed = observed(&[state(DAY, 4)]);
        observed.observe_concurrently(&[state(DAY, 3)]);
        assert_eq!(observed.states(&[DAY], NOW)[0].used, 4, "an answer that was overtaken");
        observed.observe(&[state(DAY, 2)]);
        assert_eq!(observed.states(&[DAY], NOW)[0].used, 2, "it was asked, and something was lost");
        let tomorrow = Interval::of(Period::Day, NOW).end;
        assert_eq!(
            observed.states(&[DAY], tomorrow)[0],
            WindowState { used: 0, interval: Interval::of(Period::Day, tomorrow), ..state(DAY, 0) }
        );
        let next = WindowState { interval: Interval::of(Period::Day, tomorrow), ..state(DAY, 1) };
        observed.refuse(&[state(DAY, 5)], 1);
        observed.observe(&[next]);
        assert_eq!(observed.states(&[DAY], tomorrow)[0].used, 1);
        assert_eq!(
            observed.first(&[Window { max: 1, ..DAY }], 1, false, tomorrow),
            NextCall::Ask,
            "no refusal of it"
        );
        observed.observe(&[state(DAY, 5)]);
        assert_eq!(observed.states(&[DAY], tomorrow)[0].used, 1, "an answer of yesterday's, late");
    }
}
