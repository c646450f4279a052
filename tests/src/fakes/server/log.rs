//! Every request that a fake received, in order, and what became of it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Request;
use crate::fakes::faults::Matcher;

/// How long [`RequestLog::wait_for`] waits before it fails the test.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its place among all requests of this fake, from 0.
    pub order: usize,
    /// When it had arrived whole.
    pub arrived_at: Instant,
    /// The request.
    pub request: Request,
    /// The fault that it met.
    pub fault: Option<&'static str>,
    /// The status with which it was carried out; `None` if a fault kept it from that. The caller may not have seen it.
    pub carried_out: Option<u16>,
    /// The status that was sent back and when; `None` if there was no whole answer, or not yet.
    pub answered: Option<(u16, Instant)>,
}

/// All requests since the start, or since it was last cleared.
#[derive(Debug, Default)]
pub struct RequestLog {
    entries: Mutex<Vec<Recorded>>,
    changes: watch::Sender<()>,
}

impl RequestLog {
    /// All of them, oldest first.
    pub fn entries(&self) -> Vec<Recorded> {
        self.entries.lock().unwrap().clone()
    }

    /// Those that match, oldest first.
    pub fn matching(&self, matcher: &Matcher) -> Vec<Recorded> {
        self.entries.lock().unwrap().iter().filter(|e| matcher.matches(&e.request)).cloned().collect()
    }

    /// How many match.
    pub fn count(&self, matcher: &Matcher) -> usize {
        self.entries.lock().unwrap().iter().filter(|e| matcher.matches(&e.request)).count()
    }

    /// How many requests changed something: not a GET, and carried out with success.
    pub fn writes(&self) -> usize {
        let changed = |e: &&Recorded| e.request.is_write() && matches!(e.carried_out, Some(200..300));
        self.entries.lock().unwrap().iter().filter(changed).count()
    }

    /// Forgets everything so far. Requests that are under way are forgotten too.
    pub fn clear(&self) {
        self.entries.lock().unwrap().clear();
    }

    /// Waits until so many requests that match have arrived.
    ///
    /// # Panics
    /// If they have not after 20 seconds.
    pub async fn wait_for(&self, count: usize, matcher: &Matcher) {
        self.wait(|log| log.count(matcher) >= count, &format!("{count} requests {matcher:?}")).await;
    }

    /// Waits until so many requests that match were answered.
    ///
    /// # Panics
    /// If they were not after 20 seconds.
    pub async fn wait_for_answers(&self, count: usize, matcher: &Matcher) {
        let answered = |log: &Self| log.matching(matcher).iter().filter(|e| e.answered.is_some()).count();
        self.wait(|log| answered(log) >= count, &format!("{count} answers {matcher:?}")).await;
    }

    /// Waits until so many requests that match were carried out, whether or not anyone still wanted the answer.
    ///
    /// # Panics
    /// If they were not after 20 seconds.
    pub async fn wait_for_carried_out(&self, count: usize, matcher: &Matcher) {
        let carried_out =
            |log: &Self| log.matching(matcher).iter().filter(|e| e.carried_out.is_some()).count();
        self.wait(|log| carried_out(log) >= count, &format!("{count} carried out {matcher:?}")).await;
    }

    async fn wait(&self, done: impl Fn(&Self) -> bool, for_what: &str) {
        let mut changes = self.changes.subscribe();
        let waiting = async {
            while !done(self) {
                changes.changed().await.expect("the log outlives its waiters");
            }
        };
        if tokio::time::timeout(WAIT_MAX, waiting).await.is_err() {
            let seen: Vec<_> =
                self.entries().iter().map(|e| format!("{} {}", e.request.method, e.request.path)).collect();
            panic!("waited {WAIT_MAX:?} for {for_what}; seen: {seen:?}");
        }
    }

    pub(super) fn arrived(&self, request: &Request) -> usize {
        let mut entries = self.entries.lock().unwrap();
        let order = entries.last().map_or(0, |e| e.order + 1);
        entries.push(Recorded {
            order,
            arrived_at: Instant::now(),
            request: request.clone(),
            fault: None,
            carried_out: None,
            answered: None,
        });
        drop(entries);
        self.changes.send_replace(());
        order
    }

    pub(super) fn disturbed(&self, order: usize, fault: &'static str) {
        self.update(order, |entry| entry.fault = Some(fault));
    }

    pub(super) fn carried_out(&self, order: usize, status: u16) {
        self.update(order, |entry| entry.carried_out = Some(status));
    }

    pub(super) fn answered(&self, order: usize, status: u16) {
        self.update(order, |entry| entry.answered = Some((status, Instant::now())));
    }

    fn update(&self, order: usize, change: impl FnOnce(&mut Recorded)) {
        if let Some(entry) = self.entries.lock().unwrap().iter_mut().find(|e| e.order == order) {
            change(entry);
        }
        self.changes.send_replace(());
    }
}
