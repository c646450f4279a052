//! The stores that count requests: the shared data of this Envoy process, or envoyproxy/ratelimit. A
//! [`Counting`] is the state machine that counts one request, [`CounterReading`] that of the usage path; each
//! keeps the store that it started with.

pub(super) mod local;
mod owner;
pub(super) mod ratelimit;

pub(super) use owner::CounterOwner;

use self::local::{LocalCounting, LocalReading, LocalStore};
use self::ratelimit::{RatelimitCounting, RatelimitReading, RatelimitStore, WindowsInquiry};
use super::metrics::GateMetrics;
use crate::config;
use crate::http::Callout;
use crate::machine::{Action, Input};
use crate::plan_table::Window;
use crate::quota::{Seed, WindowState};
use crate::report::Report;
use crate::time::Micros;
use std::rc::Rc;
use std::sync::Arc;

/// The store of one worker thread.
#[derive(Clone, Debug)]
pub(super) enum Store {
    /// The shared data of this Envoy process.
    Local(Rc<LocalStore>),
    /// envoyproxy/ratelimit.
    Ratelimit(Rc<RatelimitStore>),
}

impl Store {
    /// Creates the configured store. `drawn_seed` is a random secret of this worker.
    pub(super) fn new(configured: &config::StoreConfig, namespace: &str, drawn_seed: Seed) -> Self {
        match configured {
            config::StoreConfig::Local { memory_mb } => {
                Store::Local(Rc::new(LocalStore::new(namespace, drawn_seed, *memory_mb)))
            }
            config::StoreConfig::Ratelimit { cluster, domain, timeout, on_error } => {
                Store::Ratelimit(Rc::new(RatelimitStore::new(cluster, domain, *timeout, *on_error)))
            }
        }
    }
}

/// The cost of a request, and the windows to count it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Charge {
    /// The limit's name.
    pub(super) limit: Arc<str>,
    /// The cost of the request.
    pub(super) cost: u64,
    /// The windows of the plan in force. There must be room in each.
    pub(super) windows: Arc<[Window]>,
}

/// A request that is being counted.
#[derive(Debug)]
pub(super) enum Counting {
    /// In the shared data of this Envoy process.
    Local(LocalCounting),
    /// In envoyproxy/ratelimit.
    Ratelimit(RatelimitCounting),
}

/// The result of a step of a [`Counting`].
#[derive(Debug)]
pub(super) enum Counted {
    /// The host must perform an action first.
    Perform(Counting, Action),
    /// The windows must be read for all requests of the worker thread: the gate starts the inquiry and calls
    /// [`WindowsInquiry::started`].
    StartInquiry(Counting, WindowsInquiry, Callout),
    /// The request is counted, and passes.
    Admitted(LimitState),
    /// There is no room for the request until `reset`; it is not counted.
    Exhausted {
        /// The state of the windows.
        state: LimitState,
        /// The time when the last of the full windows resets.
        reset: Micros,
    },
    /// The request could not be counted, and must be refused.
    Unavailable,
    /// The request could not be counted, and passes anyway (`on_error: allow`).
    Uncounted,
}

/// The state of a limit's windows.
#[derive(Debug, Default)]
pub(super) struct LimitState {
    /// The limit's name.
    pub(super) limit: Arc<str>,
    /// The windows, in the plan's order.
    pub(super) windows: Vec<WindowState>,
}

impl Counting {
    /// Starts to count a request. `recheck` is set if the owner's plan has just changed, so that earlier
    /// refusals of the store must be checked again.
    pub(super) fn begin(
        store: &Store,
        owner: CounterOwner<'_>,
        charge: Charge,
        recheck: bool,
        now: Micros,
    ) -> Counted {
        match store {
            Store::Local(store) => LocalCounting::begin(Rc::clone(store), owner, charge),
            Store::Ratelimit(store) => {
                RatelimitCounting::begin(Rc::clone(store), owner, charge, recheck, now)
            }
        }
    }

    /// Continues with an input.
    pub(super) fn advance(
        self,
        metrics: &GateMetrics,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Counted {
        match self {
            Counting::Local(counting) => counting.advance(metrics, now, input, reports),
            Counting::Ratelimit(counting) => counting.advance(now, input, reports),
        }
    }
}

/// Counters that are being read, without counting.
#[derive(Debug)]
pub(super) enum CounterReading {
    /// In the shared data of this Envoy process.
    Local(LocalReading),
    /// In envoyproxy/ratelimit.
    Ratelimit(RatelimitReading),
}

/// The result of a step of a [`CounterReading`].
#[derive(Debug)]
pub(super) enum ReadProgress {
    /// The host must perform an action first.
    Perform(CounterReading, Action),
    /// The state of each limit.
    Done(Vec<LimitState>),
    /// The counters could not be read.
    Unavailable,
}

impl CounterReading {
    /// Starts to read these limits of an owner. The configuration bounds their number.
    pub(super) fn begin(
        store: &Store,
        owner: CounterOwner<'_>,
        limits: Vec<(Arc<str>, Arc<[Window]>)>,
        now: Micros,
    ) -> ReadProgress {
        if limits.is_empty() {
            return ReadProgress::Done(Vec::new());
        }
        match store {
            Store::Local(store) => LocalReading::begin(Rc::clone(store), owner, limits),
            Store::Ratelimit(store) => RatelimitReading::begin(Rc::clone(store), owner, limits, now),
        }
    }

    /// Continues with an input.
    pub(super) fn advance(self, now: Micros, input: &Input<'_>, reports: &mut Vec<Report>) -> ReadProgress {
        match self {
            CounterReading::Local(reading) => reading.advance(now, input),
            CounterReading::Ratelimit(reading) => reading.advance(now, input, reports),
        }
    }
}
