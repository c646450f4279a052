//! The store in envoyproxy/ratelimit, as one worker thread sees it: how it is reached, and what was observed of it.

mod counting;
mod observed_counter;
mod reading;

pub(in crate::gate) use counting::RatelimitCounting;
pub(in crate::gate) use reading::RatelimitReading;

use self::observed_counter::{CounterState, CounterStates};
use super::{Counted, CounterOwner};
use crate::alarm::{Alarm, AlarmCode};
use crate::config::OnError;
use crate::http::{Callout, CalloutError, Outcome, Request};
use crate::log_limit::LogLimit;
use crate::machine::InquiryId;
use crate::plan_table::Window;
use crate::quota::WindowState;
use crate::quota::ratelimit::{AnswerError, Counter, CounterOf, request, response};
use crate::report::Report;
use crate::time::Micros;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How many counters of signed-in callers a worker remembers.
const SIGNED_IN_MAX: usize = 10_000;
/// How many of addresses, which cost nothing: a flood of them makes no signed-in caller's be forgotten.
const ANONYMOUS_MAX: usize = 2_500;

/// envoyproxy/ratelimit.
#[derive(Debug)]
pub(in crate::gate) struct RatelimitStore {
    cluster: String,
    domain: String,
    timeout: Duration,
    on_error: OnError,
    signed_in: RefCell<CounterStates>,
    anonymous: RefCell<CounterStates>,
    failures_logged: RefCell<LogLimit>,
}

/// Windows that the service is asked about, each by the name that it has at that time.
#[derive(Debug)]
struct WindowsQuery(Vec<(Window, Counter)>);

impl WindowsQuery {
    fn new(windows: &[Window], now: Micros) -> Self {
        WindowsQuery(windows.iter().map(|window| (*window, Counter::at(window.per, now))).collect())
    }

    /// Returns how the windows stand, in their order; nothing, and a report of it, if the service does not say.
    fn answered(
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
    counter: Rc<CounterState>,
    query: WindowsQuery,
}

impl WindowsInquiry {
    /// Notes that they are being read.
    pub(in crate::gate) fn began(&self, inquiry: InquiryId) {
        self.counter.asked(inquiry);
    }

    /// Takes what the service says of them.
    pub(in crate::gate) fn ended(&self, now: Micros, outcome: &Outcome<'_>) -> Vec<Report> {
        let mut reports = Vec::new();
        match self.query.answered(&self.store, now, outcome, &mut reports) {
            Some(states) => self.counter.observe_answer(&states),
            None => self.counter.not_answered(),
        }
        reports
    }
}

impl RatelimitStore {
    /// Returns the service behind that cluster, of which nothing was observed yet.
    pub(in crate::gate) fn new(cluster: &str, domain: &str, timeout: Duration, on_error: OnError) -> Self {
        RatelimitStore {
            cluster: cluster.to_owned(),
            domain: domain.to_owned(),
            timeout,
            on_error,
            signed_in: RefCell::new(CounterStates::new(SIGNED_IN_MAX)),
            anonymous: RefCell::new(CounterStates::new(ANONYMOUS_MAX)),
            failures_logged: RefCell::default(),
        }
    }

    /// Returns what is known of a counter.
    fn counter(&self, owner: CounterOwner<'_>, of: &CounterOf) -> Rc<CounterState> {
        match owner {
            CounterOwner::Subject(_) => self.signed_in.borrow_mut().of(of),
            CounterOwner::Network(_) => self.anonymous.borrow_mut().of(of),
        }
    }

    /// Returns one call for all the windows, which adds `hits` to each.
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

    /// Returns what becomes of a request that cannot be counted.
    fn uncounted(&self) -> Counted {
        match self.on_error {
            OnError::Allow => Counted::Uncounted,
            OnError::Deny => Counted::Unavailable,
        }
    }

    /// Reports that the service cannot be asked, once a minute at most.
    fn failed(&self, error: &AnswerError, now: Micros) -> Option<Report> {
        if !self.failures_logged.borrow_mut().is_due(now) {
            return None;
        }
        let requests = match self.on_error {
            OnError::Allow => "served uncounted",
            OnError::Deny => "refused with 503",
        };
        let cure = match error {
            AnswerError::Unconfigured { .. } => {
                "let the service read Tollgate's envoy/ratelimit/config/tollgate.yaml, in the same domain"
            }
            AnswerError::Callout(CalloutError::GrpcStatus(_)) => {
                "read the log of the rate limit service, and check that its Redis runs"
            }
            _ => {
                "check that the rate limit service and its Redis run, and that the cluster of `store` leads to it"
            }
        };
        let cause = error.to_string();
        let alarm = Alarm::error(AlarmCode::StoreUnavailable, format!("{cause}: {cure}"));
        Some(alarm.with("cause", cause).with("requests", requests).with("cure", cure).into())
    }
}
