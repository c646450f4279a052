//! Where it is counted: a request, or a reading of how limits stand, on its way through whichever store is configured.

pub(super) mod local;
pub(super) mod ratelimit;

use self::local::LocalStore;
use self::ratelimit::RatelimitStore;
use super::spender::Spender;
use super::worker::Worker;
use crate::config;
use crate::machine::{Action, Input};
use crate::plan_table::Window;
use crate::quota::{Seed, WindowState};
use crate::report::Report;
use crate::time::Micros;

/// Where it is counted.
#[derive(Debug)]
pub(super) enum Store {
    /// In this Envoy process.
    Local(LocalStore),
    /// In envoyproxy/ratelimit.
    Ratelimit(RatelimitStore),
}

impl Store {
    /// The store that is configured. `drawn_seed` is a secret of this worker.
    pub(super) fn new(configured: &config::Store, namespace: &str, drawn_seed: Seed) -> Self {
        match configured {
            config::Store::Local { memory_mb } => {
                Store::Local(LocalStore::new(namespace, drawn_seed, *memory_mb))
            }
            config::Store::Ratelimit { cluster, domain, timeout, on_error } => {
                Store::Ratelimit(RatelimitStore::new(cluster, domain, *timeout, *on_error))
            }
        }
    }
}

/// What is to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spending {
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
    Local(local::Counting),
    /// In envoyproxy/ratelimit.
    Ratelimit(ratelimit::Counting),
}

/// How far it has come.
#[derive(Debug)]
pub(super) enum Counted {
    /// The store must be asked first.
    Ask(Counting, Action),
    /// It is counted, and goes on.
    Admitted(Standing),
    /// There is no room for it until `reset`; it counts nowhere.
    Exhausted {
        /// How the windows stand.
        standing: Standing,
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
pub(super) struct Standing {
    /// The limit's name.
    pub(super) limit: String,
    /// In the plan's order.
    pub(super) states: Vec<WindowState>,
}

impl Counting {
    /// Begins. `doubted`: something was learned of the spender just now, so what the store refused before is asked anew.
    pub(super) fn begin(
        worker: &mut Worker,
        spender: &Spender,
        spending: Spending,
        doubted: bool,
        now: Micros,
    ) -> Counted {
        match &worker.store {
            Store::Local(store) => local::Counting::begin(store, spender, spending),
            Store::Ratelimit(_) => ratelimit::Counting::begin(worker, spender, spending, doubted, now),
        }
    }

    /// Goes on with what the host says.
    pub(super) fn go_on(
        self,
        worker: &mut Worker,
        spender: &Spender,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Counted {
        match self {
            Counting::Local(counting) => counting.go_on(worker, spender, now, input, reports),
            Counting::Ratelimit(counting) => counting.go_on(worker, now, input, reports),
        }
    }
}

/// Counters that are being read. It counts nothing.
#[derive(Debug)]
pub(super) enum Reading {
    /// In this Envoy process.
    Local(local::Reading),
    /// In envoyproxy/ratelimit.
    Ratelimit(ratelimit::Reading),
}

/// How far it has come.
#[derive(Debug)]
pub(super) enum Read {
    /// The store must be asked first.
    Ask(Reading, Action),
    /// How each limit stands.
    Done(Vec<Standing>),
    /// The store does not say.
    Unavailable,
}

impl Reading {
    /// Begins to read these limits of a spender, whose number the configuration bounds.
    pub(super) fn begin(
        worker: &Worker,
        spender: &Spender,
        limits: Vec<(String, Vec<Window>)>,
        now: Micros,
    ) -> Read {
        if limits.is_empty() {
            return Read::Done(Vec::new());
        }
        match &worker.store {
            Store::Local(store) => local::Reading::begin(store, spender, limits),
            Store::Ratelimit(store) => ratelimit::Reading::begin(store, spender, limits, now),
        }
    }

    /// Goes on with what the host says.
    pub(super) fn go_on(
        self,
        worker: &mut Worker,
        spender: &Spender,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Read {
        match self {
            Reading::Local(reading) => reading.go_on(worker, spender, now, input),
            Reading::Ratelimit(reading) => reading.go_on(worker, now, input, reports),
        }
    }
}
