//! Where requests are counted: in this Envoy process, or in envoyproxy/ratelimit. A [`Counting`] is one request's way
//! through the store, a [`Reading`] one of the usage endpoint; each holds the store that it was begun with.

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

/// Where requests are counted, as one worker thread sees it.
#[derive(Clone, Debug)]
pub(super) enum Store {
    /// In this Envoy process.
    Local(Rc<LocalStore>),
    /// In envoyproxy/ratelimit.
    Ratelimit(Rc<RatelimitStore>),
}

impl Store {
    /// Returns the store that is configured. `drawn_seed` is a secret of this worker.
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

/// What is to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Charge {
    /// The limit's name.
    pub(super) limit: String,
    /// How much the request counts.
    pub(super) cost: u64,
    /// The windows of the plan in force. There must be room in each.
    pub(super) windows: Vec<Window>,
}

/// A request that is being counted.
#[derive(Debug)]
pub(super) enum Counting {
    /// In this Envoy process.
    Local(LocalCounting),
    /// In envoyproxy/ratelimit.
    Ratelimit(RatelimitCounting),
}

/// How far counting has come.
#[derive(Debug)]
pub(super) enum Counted {
    /// The host must do something first.
    Perform(Counting, Action),
    /// The windows are to be read for all requests of the worker thread: the gate begins the inquiry, and tells
    /// [`WindowsInquiry::began`].
    Inquire(Counting, WindowsInquiry, Callout),
    /// It is counted, and goes on.
    Admitted(LimitState),
    /// There is no room for it until `reset`; it counts nowhere.
    Exhausted {
        /// How the windows stand.
        state: LimitState,
        /// When the last of the windows without room begins anew.
        reset: Micros,
    },
    /// It could not be counted, and serving it uncounted would break the limit.
    Unavailable,
    /// It could not be counted, and goes on all the same: `on_error: allow`.
    Uncounted,
}

/// How the windows of a limit stand.
#[derive(Debug, Default)]
pub(super) struct LimitState {
    /// The limit's name.
    pub(super) limit: String,
    /// In the plan's order.
    pub(super) windows: Vec<WindowState>,
}

impl Counting {
    /// Begins. `doubted`: something was learned of the owner just now, so what the store refused before is asked anew.
    pub(super) fn begin(
        store: &Store,
        owner: CounterOwner<'_>,
        charge: Charge,
        doubted: bool,
        now: Micros,
    ) -> Counted {
        match store {
            Store::Local(store) => LocalCounting::begin(Rc::clone(store), owner, charge),
            Store::Ratelimit(store) => {
                RatelimitCounting::begin(Rc::clone(store), owner, charge, doubted, now)
            }
        }
    }

    /// Continues with what the host says.
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

/// Counters that are being read. It counts nothing.
#[derive(Debug)]
pub(super) enum Reading {
    /// In this Envoy process.
    Local(LocalReading),
    /// In envoyproxy/ratelimit.
    Ratelimit(RatelimitReading),
}

/// How far reading has come.
#[derive(Debug)]
pub(super) enum Read {
    /// The host must do something first.
    Perform(Reading, Action),
    /// How each limit stands.
    Done(Vec<LimitState>),
    /// The store does not say.
    Unavailable,
}

impl Reading {
    /// Begins to read these limits of an owner, whose number the configuration bounds.
    pub(super) fn begin(
        store: &Store,
        owner: CounterOwner<'_>,
        limits: Vec<(String, Vec<Window>)>,
        now: Micros,
    ) -> Read {
        if limits.is_empty() {
            return Read::Done(Vec::new());
        }
        match store {
            Store::Local(store) => LocalReading::begin(Rc::clone(store), owner, limits),
            Store::Ratelimit(store) => RatelimitReading::begin(Rc::clone(store), owner, limits, now),
        }
    }

    /// Continues with what the host says.
    pub(super) fn advance(self, now: Micros, input: &Input<'_>, reports: &mut Vec<Report>) -> Read {
        match self {
            Reading::Local(reading) => reading.advance(now, input),
            Reading::Ratelimit(reading) => reading.advance(now, input, reports),
        }
    }
}
