//! The filters and requests of one thread.

use crate::host::Native;
use crate::registry::{self, FILTER_BIT};
use plan_gate::PlanGate;
use std::cell::RefCell;
use tollgate_driver::Dispatch;

thread_local! {
    static WORKER: RefCell<Worker> = const { RefCell::new(Worker::new()) };
}

/// The filters and requests of one thread.
pub(crate) struct Worker {
    /// The gate's.
    pub(crate) dispatch: Dispatch<PlanGate, Native>,
    /// The filters that this thread has configured.
    configured: Vec<u32>,
    /// How many removals of filters this thread has followed.
    removals: u64,
    last_request: u32,
}

/// Runs what a hook does with the worker of its thread. Returns `refused` if another hook is still running, which does
/// not happen: what may call hooks is done after the worker was left.
pub(crate) fn enter<T>(refused: T, hook: impl FnOnce(&mut Worker) -> T) -> T {
    WORKER
        .try_with(|worker| worker.try_borrow_mut().ok().map(|mut worker| hook(&mut worker)))
        .ok()
        .flatten()
        .unwrap_or(refused)
}

impl Worker {
    const fn new() -> Self {
        Worker { dispatch: Dispatch::new(), configured: Vec::new(), removals: 0, last_request: 0 }
    }

    /// Begins a request of a filter, which is configured if this thread sees it for the first time. Returns the number
    /// of the request.
    pub(crate) fn begin_request(&mut self, filter_id: u32) -> u32 {
        self.follow_removals();
        if self.dispatch.worker(filter_id).is_none()
            && let Some(filter) = registry::get(filter_id)
        {
            let mut host = Native::in_worker(filter.clone());
            if self.dispatch.configure(&mut host, filter_id, Some(&filter.document)) {
                self.configured.push(filter_id);
            }
        }
        let request_id = self.free_request_id();
        self.dispatch.begin_request(request_id, filter_id);
        request_id
    }

    /// Ends the filters that Envoy has removed.
    fn follow_removals(&mut self) {
        let removals = registry::removals();
        if removals == self.removals {
            return;
        }
        self.removals = removals;
        for filter_id in std::mem::take(&mut self.configured) {
            match registry::get(filter_id) {
                Some(_) => self.configured.push(filter_id),
                None => self.dispatch.end_context(&mut Native::ended(), filter_id),
            }
        }
    }

    /// Returns a number from 1 that no request has. Some requests outlive 2³¹ others.
    fn free_request_id(&mut self) -> u32 {
        loop {
            self.last_request = self.last_request.wrapping_add(1) & !FILTER_BIT;
            if self.last_request != 0 && self.dispatch.request(self.last_request).is_none() {
                return self.last_request;
            }
        }
    }
}
