//! The store in envoyproxy/ratelimit, as one worker thread sees it: how it is reached, and what was heard from it.

mod counting;
mod known;
mod reading;

pub(in crate::gate) use counting::Counting;
pub(in crate::gate) use known::Known;
pub(in crate::gate) use reading::Reading;

use self::known::Memory;
use crate::alarm::{Alarm, AlarmCode};
use crate::config::OnError;
use crate::gate::spender::Spender;
use crate::gate::store::{Counted, Store};
use crate::gate::worker::Worker;
use crate::http::{Callout, Outcome, Request};
use crate::log_limit::LogLimit;
use crate::plan_table::Window;
use crate::quota::WindowState;
use crate::quota::ratelimit::{AnswerError, Counter, CounterOf, answer, request};
use crate::report::Report;
use crate::time::Micros;
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
    signed_in: Memory,
    anonymous: Memory,
    failures_logged: LogLimit,
}

/// Windows that the service is asked about, each by the name that it has at that time.
#[derive(Debug)]
pub(in crate::gate) struct Question(Vec<(Window, Counter)>);

impl Question {
    fn new(windows: &[Window], now: Micros) -> Self {
        Question(windows.iter().map(|window| (*window, Counter::at(window.per, now))).collect())
    }

    /// How the windows stand, in their order; nothing, and a report of it, if the service does not say.
    fn answered(
        &self,
        worker: &mut Worker,
        now: Micros,
        outcome: &Outcome<'_>,
        reports: &mut Vec<Report>,
    ) -> Option<Vec<WindowState>> {
        match answer::read(outcome, &self.0, now) {
            Ok(states) => Some(states),
            Err(error) => {
                reports.extend(worker.store_failed(error, now));
                None
            }
        }
    }
}

impl RatelimitStore {
    /// The service behind that cluster, of which nothing was heard yet.
    pub(in crate::gate) fn new(cluster: &str, domain: &str, timeout: Duration, on_error: OnError) -> Self {
        RatelimitStore {
            cluster: cluster.to_owned(),
            domain: domain.to_owned(),
            timeout,
            on_error,
            signed_in: Memory::new(SIGNED_IN_MAX),
            anonymous: Memory::new(ANONYMOUS_MAX),
            failures_logged: LogLimit::default(),
        }
    }

    /// What is known of a counter.
    fn known(&mut self, spender: &Spender, of: &CounterOf) -> std::rc::Rc<Known> {
        match spender {
            Spender::Caller { .. } => self.signed_in.of(of),
            Spender::Anonymous { .. } => self.anonymous.of(of),
        }
    }

    /// One call for all the windows: adds `hits` to each.
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

    /// What becomes of a request that cannot be counted.
    fn uncounted(&self) -> Counted {
        match self.on_error {
            OnError::Allow => Counted::Uncounted,
            OnError::Deny => Counted::Unavailable,
        }
    }
}

impl Worker {
    /// The service has said how windows stand that a request asked about, or has not.
    pub(in crate::gate) fn windows_read(
        &mut self,
        now: Micros,
        known: &Known,
        question: &Question,
        outcome: &Outcome<'_>,
    ) -> Vec<Report> {
        let mut reports = Vec::new();
        match question.answered(self, now, outcome, &mut reports) {
            Some(states) => known.hear(&states),
            None => known.not_answered(),
        }
        reports
    }

    /// The service cannot be asked. Said once a minute at most.
    fn store_failed(&mut self, error: AnswerError, now: Micros) -> Option<Report> {
        let Store::Ratelimit(store) = &mut self.store else { return None };
        if !store.failures_logged.is_due(now) {
            return None;
        }
        let requests = match store.on_error {
            OnError::Allow => "served uncounted",
            OnError::Deny => "refused with 503",
        };
        let cure = match error {
            AnswerError::Unconfigured { .. } => {
                "let the service read Tollgate's envoy/ratelimit/config/tollgate.yaml, in the same domain"
            }
            _ => {
                "see that the rate limit service and its Redis run, and that the cluster of `store` leads to it"
            }
        };
        let cause = error.to_string();
        let alarm = Alarm::error(AlarmCode::StoreUnavailable, format!("{cause}: {cure}"));
        Some(alarm.with("cause", cause).with("requests", requests).with("cure", cure).into())
    }
}
