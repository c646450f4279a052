//! The requests that a fake received, in order, and their outcomes.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use tokio::sync::watch;

use super::Request;
use crate::fakes::bounded_log::BoundedLog;
use crate::fakes::faults::Matcher;
use crate::waiting::WAIT_MAX;

/// The maximum number of requests that are kept: far more than a test makes, and few enough for a fake that runs for
/// days.
const REQUESTS_MAX: usize = 10_000;

/// A request and its outcome.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The time at which the whole request had arrived.
    pub arrived_at: Instant,
    /// The request.
    pub request: Request,
    /// The fault that was applied to it.
    pub fault: Option<&'static str>,
    /// The status with which it was carried out; `None` if a fault prevented that. The caller may not have
    /// received it.
    pub carried_out: Option<u16>,
    /// The status that was sent and when; `None` if there was no complete response, or not yet.
    pub answered: Option<(u16, Instant)>,
}

/// All requests since the start, or since it was last cleared. Reading it fails the test if one of them was forgotten,
/// because there were more than the maximum.
#[derive(Debug, Default)]
pub struct RequestLog {
    requests: Mutex<RecordedRequests>,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct RecordedRequests {
    log: BoundedLog<Recorded, REQUESTS_MAX>,
    /// The position of the first one since the log was last cleared.
    start: usize,
}

impl RecordedRequests {
    fn all(&self) -> impl Iterator<Item = &Recorded> {
        self.log.since(self.start)
    }
}

impl RequestLog {
    /// Returns all of them, oldest first.
    pub fn entries(&self) -> Vec<Recorded> {
        self.requests().all().cloned().collect()
    }

    /// Returns those that match, oldest first.
    pub fn matching(&self, matcher: &Matcher) -> Vec<Recorded> {
        self.requests().all().filter(|e| matcher.matches(&e.request)).cloned().collect()
    }

    /// Returns how many match.
    pub fn count(&self, matcher: &Matcher) -> usize {
        self.requests().all().filter(|e| matcher.matches(&e.request)).count()
    }

    /// Returns how many requests changed something: not a GET, and carried out with success.
    pub fn writes(&self) -> usize {
        let changed = |e: &&Recorded| e.request.is_write() && matches!(e.carried_out, Some(200..300));
        self.requests().all().filter(changed).count()
    }

    /// Returns a receiver that changes with each request that arrives, is carried out, or is answered.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Forgets everything so far, including requests that are not complete yet.
    pub fn clear(&self) {
        let mut requests = self.requests();
        requests.start = requests.log.end();
    }

    /// Waits until `count` requests that match have arrived.
    ///
    /// # Panics
    /// If they have not in [`WAIT_MAX`].
    pub async fn wait_for(&self, count: usize, matcher: &Matcher) {
        self.wait(|log| log.count(matcher) >= count, &format!("{count} requests {matcher:?}")).await;
    }

    /// Waits until `count` requests that match have their responses.
    ///
    /// # Panics
    /// If they were not in [`WAIT_MAX`].
    pub async fn wait_for_responses(&self, count: usize, matcher: &Matcher) {
        let answered = |log: &Self| log.matching(matcher).iter().filter(|e| e.answered.is_some()).count();
        self.wait(|log| answered(log) >= count, &format!("{count} answers {matcher:?}")).await;
    }

    /// Waits until `count` requests that match were carried out, whether or not the caller still waits for
    /// the response.
    ///
    /// # Panics
    /// If they were not in [`WAIT_MAX`].
    pub async fn wait_for_carried_out(&self, count: usize, matcher: &Matcher) {
        let carried_out =
            |log: &Self| log.matching(matcher).iter().filter(|e| e.carried_out.is_some()).count();
        self.wait(|log| carried_out(log) >= count, &format!("{count} carried out {matcher:?}")).await;
    }

    async fn wait(&self, done: impl Fn(&Self) -> bool, condition: &str) {
        let mut changes = self.changes.subscribe();
        let waiting = async {
            while !done(self) {
                changes.changed().await.expect("the log outlives its waiters");
            }
        };
        if tokio::time::timeout(WAIT_MAX, waiting).await.is_err() {
            let received: Vec<_> =
                self.entries().iter().map(|e| format!("{} {}", e.request.method, e.request.path)).collect();
            panic!("waited {WAIT_MAX:?} for {condition}; received: {received:?}");
        }
    }

    /// Adds a request, and returns its position.
    pub(super) fn arrived(&self, request: &Request) -> usize {
        let position = self.requests().log.push(Recorded {
            arrived_at: Instant::now(),
            request: request.clone(),
            fault: None,
            carried_out: None,
            answered: None,
        });
        self.changes.send_replace(());
        position
    }

    pub(super) fn fault_applied(&self, position: usize, fault: &'static str) {
        self.update(position, |entry| entry.fault = Some(fault));
    }

    pub(super) fn carried_out(&self, position: usize, status: u16) {
        self.update(position, |entry| entry.carried_out = Some(status));
    }

    pub(super) fn answered(&self, position: usize, status: u16) {
        self.update(position, |entry| entry.answered = Some((status, Instant::now())));
    }

    fn update(&self, position: usize, change: impl FnOnce(&mut Recorded)) {
        if let Some(entry) = self.requests().log.get_mut(position) {
            change(entry);
        }
        self.changes.send_replace(());
    }

    fn requests(&self) -> MutexGuard<'_, RecordedRequests> {
        self.requests.lock().unwrap()
    }
}
