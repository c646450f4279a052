//! Decides whether the counters of a bucket have room for a request, and returns the updated bucket.
//!
//! The caller loads the bucket, calls [`spend()`], and swaps in its `new_bytes`. If another worker has
//! changed the bucket, it loads and spends again, at most [`SWAP_TRIES_MAX`] times. Each try decides anew, so
//! the counts are exact. This requires that the swap of a new bucket fails if there is one by then.

use super::bucket::{Bucket, CounterRecord, Counters, clock_slack_s};
use super::calendar::Interval;
use super::fingerprint::Fingerprint;
use super::window_state::WindowState;
use crate::plan_table::{Period, Window};
use crate::time::Micros;
use std::time::Duration;

/// The maximum number of tries of a request to swap its bucket. A swap is lost only if another worker's
/// succeeds in the microsecond between load and swap. This many losses need dozens of workers with one
/// subject, and are reported as a fault.
pub const SWAP_TRIES_MAX: u32 = 64;

/// The result of one try to count a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Whether the request may pass.
    pub decision: Decision,
    /// The state of the plan's windows after this request, in the plan's order.
    pub states: Vec<WindowState>,
    /// The bytes to store before the request passes; `None` if nothing has changed.
    pub new_bytes: Option<Vec<u8>>,
    /// The number of other subjects' counters that were evicted because the bucket was full.
    pub(crate) evicted: u32,
    /// Whether the loaded value is not a bucket; then it counted as empty.
    pub(crate) unreadable: bool,
}

/// The decision about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Every window has room.
    Admitted,
    /// A window has no room now. The request was not counted in any window.
    Refused {
        /// The windows without room, in the plan's order.
        exhausted: Vec<Period>,
        /// The time when the last of them resets.
        reset: Micros,
    },
    /// The cost exceeds the maximum of a window.
    NeverFits,
}

/// Counts a request in all windows of the plan in force, or in none.
///
/// Windows of the same subject and limit that belong to an earlier plan are not changed: if that plan returns
/// before they are over, it continues with them.
pub fn spend(
    bucket: Option<&[u8]>,
    fingerprint: Fingerprint,
    windows: &[Window],
    cost: u64,
    now: Micros,
) -> Spent {
    let bucket = Bucket::read(bucket);
    let found = bucket.find(fingerprint);
    let mut states = window_states(&found, windows, now);
    let decision = decide(&states, cost);
    let mut spending =
        Spent { decision, states: Vec::new(), new_bytes: None, evicted: 0, unreadable: bucket.unreadable };
    if spending.decision == Decision::Admitted && cost > 0 && !states.is_empty() {
        let mut own = Counters::default();
        for state in &mut states {
            state.used = state.used.saturating_add(cost);
            own.set(CounterRecord {
                period: state.per,
                end_s: state.interval.end.as_secs(),
                used: state.used,
            });
        }
        let (bytes, evicted) = bucket.replace(fingerprint, &own, now);
        spending.new_bytes = Some(bytes);
        spending.evicted = evicted;
    }
    spending.states = states;
    spending
}

/// Returns the state of a plan's windows, in the plan's order. Counts nothing.
pub fn peek(
    bucket: Option<&[u8]>,
    fingerprint: Fingerprint,
    windows: &[Window],
    now: Micros,
) -> Vec<WindowState> {
    window_states(&Bucket::read(bucket).find(fingerprint), windows, now)
}

/// Decides whether these windows have room for a request of that cost. The same for both stores.
pub fn decide(states: &[WindowState], cost: u64) -> Decision {
    if states.iter().any(|state| cost > state.max) {
        return Decision::NeverFits;
    }
    let full: Vec<&WindowState> = states.iter().filter(|state| !state.has_room_for(cost)).collect();
    match full.iter().map(|state| state.reset()).max() {
        Some(reset) => Decision::Refused { exhausted: full.iter().map(|state| state.per).collect(), reset },
        None => Decision::Admitted,
    }
}

fn window_states(found: &Counters, windows: &[Window], now: Micros) -> Vec<WindowState> {
    let state = |window: &Window| {
        let (interval, used) = current_window(found.get(window.per), window.per, now);
        WindowState { per: window.per, max: window.max, used, interval }
    };
    windows.iter().map(state).collect()
}

/// Returns the window to count in, and its use.
///
/// Workers read the clock at different times and clocks step back, so a counter may be of a window that has
/// not started yet. Its count is never dropped, because that would grant extra quota. If that window starts
/// soon, the request is counted in it, so that neither window admits more than its maximum. If not, the clock
/// must have been far ahead, and the count moves to the present window, so that no subject is refused beyond
/// the end of that.
fn current_window(counter: Option<CounterRecord>, period: Period, now: Micros) -> (Interval, u64) {
    let present = Interval::containing(period, now);
    let Some(counter) = counter else { return (present, 0) };
    if counter.end_s < present.end.as_secs() {
        return (present, 0);
    }
    let counted = Interval::containing(period, Micros::from_secs(counter.end_s.saturating_sub(1)));
    let latest_start = now.plus(Duration::from_secs(clock_slack_s(period)));
    let interval = if counted.start <= latest_start { counted } else { present };
    (interval, counter.used)
}
