//! The store in envoyproxy/ratelimit: how one worker thread calls it, and what it has observed of its
//! counters.

mod counting;
mod observed_counter;
mod reading;

pub(in crate::gate) use counting::RatelimitCounting;
pub(in crate::gate) use reading::RatelimitReading;

use self::observed_counter::{ObservedCounter, ObservedCounters};
use super::{Counted, CounterOwner};
use crate::alarm::{Alarm, AlarmCode};
use crate::config::OnError;
use crate::http::{Callout, CalloutError, Outcome, Request};
use crate::log_limit::LogLimit;
use crate::machine::InquiryId;
use crate::plan_table::Window;
use crate::quota::WindowState;
use crate::quota::ratelimit::{Counter, CounterOf, RatelimitError, request, response};
use crate::report::Report;
use crate::time::Micros;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// The maximum number of counters of signed-in callers that a worker remembers.
const SIGNED_IN_MAX: usize = 10_000;
/// The maximum number of counters of anonymous callers. A client can have many addresses, so these have their
/// own limit and never displace the counters of signed-in callers.
const ANONYMOUS_MAX: usize = 2_500;

/// The store in envoyproxy/ratelimit.
#[derive(Debug)]
pub(in crate::gate) struct RatelimitStore {
    cluster: String,
    domain: String,
    timeout: Duration,
    on_error: OnError,
    signed_in: RefCell<ObservedCounters>,
    anonymous: RefCell<ObservedCounters>,
    failures_logged: RefCell<LogLimit>,
}

/// Windows to read or add to, each with its counter at the time of the query.
#[derive(Debug)]
struct WindowsQuery(Vec<(Window, Counter)>);

impl WindowsQuery {
    fn new(windows: &[Window], now: Micros) -> Self {
        WindowsQuery(windows.iter().map(|window| (*window, Counter::at(window.per, now))).collect())
    }

    /// Reads the state of the windows, in their order, from the response. Returns `None` and adds a report if
    /// the call failed.
    fn read(
        &self,
        store: &RatelimitStore,
        now: Micros,
        outcome: &Outcome<'_>,
        reports: &mut Vec<Report>,
    ) -> Option<Vec<WindowState>> {
        match response::read(outcome, &self.0, now) {
            Ok(states) => Some(states),
            Err(error) => {
                reports.extend(store.failed(&error, now));
                None
            }
        }
    }
}

/// Windows of one counter that are read for all requests of the worker thread.
#[derive(Debug)]
pub(in crate::gate) struct WindowsInquiry {
    store: Rc<RatelimitStore>,
    counter: Rc<ObservedCounter>,
    query: WindowsQuery,
}

impl WindowsInquiry {
    /// Records that the inquiry has started.
    pub(in crate::gate) fn started(&self, inquiry: InquiryId) {
        self.counter.query_started(inquiry);
    }

    /// Takes the outcome of the inquiry.
    pub(in crate::gate) fn handle_outcome(&self, now: Micros, outcome: &Outcome<'_>) -> Vec<Report> {
        let mut reports = Vec::new();
        match self.query.read(&self.store, now, outcome, &mut reports) {
            Some(states) => self.counter.observe_query(&states),
            None => self.counter.query_failed(),
        }
        reports
    }
}

impl RatelimitStore {
    /// Creates the store for a cluster, without any observed counter.
    pub(in crate::gate) fn new(cluster: &str, domain: &str, timeout: Duration, on_error: OnError) -> Self {
        RatelimitStore {
            cluster: cluster.to_owned(),
            domain: domain.to_owned(),
            timeout,
            on_error,
            signed_in: RefCell::new(ObservedCounters::new(SIGNED_IN_MAX)),
            anonymous: RefCell::new(ObservedCounters::new(ANONYMOUS_MAX)),
            failures_logged: RefCell::default(),
        }
    }

    /// Returns what was observed of a counter.
    fn counter(&self, owner: CounterOwner<'_>, of: &CounterOf) -> Rc<ObservedCounter> {
        match owner {
            CounterOwner::Subject(_) => self.signed_in.borrow_mut().counter(of),
            CounterOwner::Network(_) => self.anonymous.borrow_mut().counter(of),
        }
    }

    /// Returns one call for all windows, which adds `hits` to each.
    fn callout<'a>(
        &self,
        counters: impl IntoIterator<Item = (&'a CounterOf, &'a Counter)>,
        hits: u64,
        timeout: Duration,
    ) -> Callout {
        let message = request::message(&self.domain, counters, hits);
        let request = Request::Grpc { service: request::SERVICE, method: request::METHOD, message };
        Callout { cluster: self.cluster.clone(), timeout, request }
    }

    /// Returns the result of a request that cannot be counted.
    fn uncounted(&self) -> Counted {
        match self.on_error {
            OnError::Allow => Counted::Uncounted,
            OnError::Deny => Counted::Unavailable,
        }
    }

    /// Returns the alarm of a failed call, at most once a minute.
    pub(in crate::gate) fn failed(&self, error: &RatelimitError, now: Micros) -> Option<Report> {
        if !self.failures_logged.borrow_mut().is_due(now) {
            return None;
        }
        let requests = match self.on_error {
            OnError::Allow => "served uncounted",
            OnError::Deny => "refused with 503",
        };
        let cure = match error {
            RatelimitError::Unconfigured { .. } => {
                "let the service read Tollgate's envoy/ratelimit/config/tollgate.yaml, in the same domain"
            }
            RatelimitError::Callout(CalloutError::GrpcStatus(_)) => {
                "read the log of the rate limit service, and check that its Redis runs"
            }
            _ => {
                "check that the rate limit service and its Redis run, and that the cluster of `store` leads to it"
            }
        };
        let cause = error.to_string();
        let text = format!(
            "the rate limit service does not respond as expected, so requests are {requests}: {cause}"
        );
        let alarm = Alarm::error(AlarmCode::StoreUnavailable, text, cure);
        Some(alarm.with("cause", cause).with("requests", requests).into())
    }
}
