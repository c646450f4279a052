//! Whether a request may be served by the counters of one bucket, and what the bucket is afterwards.
//!
//! The caller loads the bucket, calls [`spend()`], and swaps in its `new_bytes`; if another worker was faster, it loads
//! and spends again, at most [`SWAP_TRIES_MAX`] times. Each try judges anew, so that the counts are exact.
//! They are so only if a bucket that was not there is swapped in only while there still is none.

use super::bucket::{Bucket, CounterRecord, Counters, clock_slack_s};
use super::calendar::Interval;
use super::fingerprint::Fingerprint;
use super::window_state::WindowState;
use crate::plan_table::{Period, Window};
use crate::time::Micros;
use std::time::Duration;

/// How often a request tries to swap its bucket. Each lost swap is another worker's won one, within the microsecond
/// between load and swap: to lose so often takes dozens of workers and one subject, and is reported as a fault.
pub const SWAP_TRIES_MAX: u32 = 64;

/// What came of one try to count a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// May it be served.
    pub decision: Decision,
    /// How the plan's windows stand after this request, in the plan's order.
    pub states: Vec<WindowState>,
    /// What to store before the request is served. None: nothing changed.
    pub new_bytes: Option<Vec<u8>>,
    /// How many counters of other subjects were lost because the bucket was full.
    pub(crate) evicted: u32,
    /// What was loaded is no bucket. It counted as empty.
    pub(crate) unreadable: bool,
}

/// Whether a request may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It fits into every window.
    Admitted,
    /// It fits at another time. It was not counted in any window.
    Refused {
        /// The windows that have no room for it, in the plan's order.
        exhausted: Vec<Period>,
        /// When the last of them begins anew.
        reset: Micros,
    },
    /// It costs more than a whole window allows.
    NeverFits,
}

/// Counts a request in all the windows of the plan in force, or in none.
///
/// Other windows of the same subject and limit, of a plan in force before, are left as they are: when that plan
/// returns, they go on from there if they are not over by then.
pub fn spend(
    bucket: Option<&[u8]>,
    fingerprint: Fingerprint,
    windows: &[Window],
    cost: u64,
    now: Micros,
) -> Spent {
    let bucket = Bucket::read(bucket);
    let found = bucket.find(fingerprint);
    let mut states = stand(&found, windows, now);
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

/// How the windows of a plan stand, in the plan's order. Counts nothing.
pub fn peek(
    bucket: Option<&[u8]>,
    fingerprint: Fingerprint,
    windows: &[Window],
    now: Micros,
) -> Vec<WindowState> {
    stand(&Bucket::read(bucket).find(fingerprint), windows, now)
}

/// Whether a request of that cost fits into windows that stand so. The same for every store.
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

fn stand(found: &Counters, windows: &[Window], now: Micros) -> Vec<WindowState> {
    let state = |window: &Window| {
        let (interval, used) = go_on(found.get(window.per), window.per, now);
        WindowState { per: window.per, max: window.max, used, interval }
    };
    windows.iter().map(state).collect()
}

/// The window to count in, and what was used of it.
///
/// Workers read the clock one after the other and clocks step back, so a counter may be of a window that is yet to
/// begin. Its count is never forgotten, which would be quota for nothing. If it begins soon, it is the one to count
/// in: then neither window ever admits more than its maximum. If not, the clock must have been far ahead, and the
/// count moves to the present window: nobody is locked out beyond the end of that.
fn go_on(counter: Option<CounterRecord>, period: Period, now: Micros) -> (Interval, u64) {
    let present = Interval::of(period, now);
    let Some(counter) = counter else { return (present, 0) };
    if counter.end_s < present.end.as_secs() {
        return (present, 0);
    }
    let counted = Interval::of(period, Micros::from_secs(counter.end_s.saturating_sub(1)));
    let believed_until = now.plus(Duration::from_secs(clock_slack_s(period)));
    let interval = if counted.start <= believed_until { counted } else { present };
    (interval, counter.used)
}
