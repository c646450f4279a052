//! The filters and requests of one thread.

use crate::abi::Stream;
use crate::callout::{self, EndedCallout, Token};
use crate::filters::{Dispatches, with_dispatch};
use crate::handles::RequestHandle;
use crate::host::{Native, OwnRequest};
use crate::registry::{self, FILTER_BIT};
use crate::{grpc, held, inquiry, thread_state};
use std::cell::RefCell;
use tollgate_driver::{CalloutResult, Flow};

thread_local! {
    static WORKER: RefCell<Worker> = const { RefCell::new(Worker::new()) };
}

/// The filters and requests of one thread.
pub(crate) struct Worker {
    /// The requests, by their filter.
    pub(crate) dispatches: Dispatches,
    /// The filters that this thread has configured.
    configured: Vec<u32>,
    /// The number of removed filters that this thread has applied.
    removals: u64,
    last_request: u32,
}

/// Runs the part of a hook that uses the worker of its thread. Returns `refused` if another hook is using it,
/// which does not happen: effects that may call hooks are performed after the worker is left.
pub(crate) fn enter<T>(refused: T, hook: impl FnOnce(&mut Worker) -> T) -> T {
    thread_state::change(&WORKER, hook).unwrap_or(refused)
}

/// Runs a hook that decides on its own request, by header fields, body, or trailers.
pub(crate) fn decide(
    stream: Stream,
    request: RequestHandle,
    hook: impl FnOnce(&mut Worker, &mut Native) -> Flow,
) -> Flow {
    settle_inquiries(stream, request);
    let request_id = request.request_id();
    let mut host = Native::request(stream, request_id);
    let flow = enter(Flow::Pause, |worker| hook(worker, &mut host));
    let outcome = host.finish(Some((request_id, stream)));
    if flow == Flow::Continue || outcome == OwnRequest::Replied {
        held::remove(request_id);
        return flow;
    }
    held::insert(request_id, stream);
    let outcome = run_ended_callouts(Some((request_id, stream)));
    if outcome == OwnRequest::Continues {
        return Flow::Continue;
    }
    wait_for_inquiry(request);
    Flow::Pause
}

/// Passes the end of a request's callout to the rules, when no hook uses the worker.
pub(crate) fn end_callout(request: RequestHandle, token: Token, result: CalloutResult) {
    callout::push_ended(EndedCallout { request, token, result });
    run_ended_callouts(None);
}

/// Passes the results of inquiries that have arrived for a filter to the rules. `stream` is one of the
/// filter's requests.
pub(crate) fn settle_inquiries(stream: Stream, request: RequestHandle) {
    for arrived in inquiry::take_results(request.filter_id()) {
        let mut host = Native::request_at(stream, request.request_id(), arrived.arrived_at);
        enter((), |worker| {
            let token = Token::Inquiry(arrived.inquiry);
            with_dispatch!(worker.dispatches, request.kind(), dispatch => {
                dispatch.callout_ended(&mut host, token, || arrived.result);
            });
        });
        inquiry::remove_waiting(request.filter_id(), arrived.inquiry);
        let entered = host.take_entered();
        host.finish(None);
        // A request that continued may have started a callout that has ended already.
        run_ended_callouts(None);
        for request_id in entered {
            wait_for_inquiry(RequestHandle::new(request.filter_id(), request_id));
        }
    }
}

/// Handles the header fields of a response. A request that is still held has a response of Envoy itself.
pub(crate) fn respond(stream: Stream, request: RequestHandle) {
    let request_id = request.request_id();
    let mut host = Native::request(stream, request_id);
    enter((), |worker| {
        with_dispatch!(worker.dispatches, request.kind(), dispatch => {
            dispatch.response_headers(&mut host, request_id);
        });
    });
}

/// Ends a request whose stream is about to end.
pub(crate) fn end_request(stream: Stream, request: RequestHandle) {
    end_in_dispatch(&mut Native::request(stream, request.request_id()), request);
}

/// Removes a request whose stream has ended.
pub(crate) fn remove_request(request: RequestHandle) {
    held::remove(request.request_id());
    grpc::remove(request.request_id());
    end_in_dispatch(&mut Native::ended(), request);
}

fn end_in_dispatch(host: &mut Native, request: RequestHandle) {
    let request_id = request.request_id();
    enter((), |worker| {
        with_dispatch!(worker.dispatches, request.kind(), dispatch => {
            if dispatch.request(request_id).is_some() {
                dispatch.end_context(host, request_id);
            }
        });
    });
}

/// Passes ended callouts to the rules. Those that end inside of another hook wait until it is finished.
fn run_ended_callouts(own: Option<(u32, Stream)>) -> OwnRequest {
    let mut outcome = OwnRequest::Unchanged;
    while is_free()
        && let Some(EndedCallout { request, token, result }) = callout::pop_ended()
    {
        // A request that has ended cannot be resumed.
        let Some(stream) = held::get(request.request_id()) else { continue };
        let mut host = Native::request(stream, request.request_id());
        enter((), |worker| {
            with_dispatch!(worker.dispatches, request.kind(), dispatch => {
                dispatch.callout_ended(&mut host, token, || result);
            });
        });
        match host.finish(own) {
            OwnRequest::Unchanged => wait_for_inquiry(request),
            changed => outcome = changed,
        }
    }
    outcome
}

fn is_free() -> bool {
    thread_state::change(&WORKER, |_| ()).is_some()
}

/// Registers a request to be woken if it is held until an inquiry ends.
fn wait_for_inquiry(request: RequestHandle) {
    let request_id = request.request_id();
    let awaited = |worker: &mut Worker| with_dispatch!(worker.dispatches, request.kind(), dispatch => dispatch.awaited_callout(request_id));
    if let Some(stream) = held::get(request_id)
        && let Some(Token::Inquiry(inquiry)) = enter(None, awaited)
    {
        inquiry::wait(request.filter_id(), inquiry, stream);
    }
}

impl Worker {
    const fn new() -> Self {
        Worker { dispatches: Dispatches::new(), configured: Vec::new(), removals: 0, last_request: 0 }
    }

    /// Starts a request of a filter, which is configured at its first request in this thread. Returns the ID
    /// of the request.
    pub(crate) fn begin_request(&mut self, filter_id: u32) -> u32 {
        self.apply_removals();
        let request_id = self.free_request_id();
        let configured = with_dispatch!(self.dispatches, registry::kind_of(filter_id), dispatch => {
            let mut configured = false;
            if dispatch.worker(filter_id).is_none()
                && let Some(filter) = registry::get(filter_id)
            {
                let mut host = Native::in_worker(filter.clone());
                configured = dispatch.configure(&mut host, filter_id, Some(&filter.document));
            }
            dispatch.begin_request(request_id, filter_id);
            configured
        });
        if configured {
            self.configured.push(filter_id);
            inquiry::open_mailbox(filter_id);
        }
        request_id
    }

    /// Ends the filters that Envoy has removed.
    fn apply_removals(&mut self) {
        let removals = registry::removals();
        if removals == self.removals {
            return;
        }
        self.removals = removals;
        for filter_id in std::mem::take(&mut self.configured) {
            match registry::get(filter_id) {
                Some(_) => self.configured.push(filter_id),
                None => {
                    with_dispatch!(self.dispatches, registry::kind_of(filter_id), dispatch => {
                        dispatch.end_context(&mut Native::ended(), filter_id);
                    });
                    inquiry::close_mailbox(filter_id);
                }
            }
        }
    }

    /// Returns an ID from 1 that no filter uses. Some requests outlive 2³¹ others.
    fn free_request_id(&mut self) -> u32 {
        loop {
            self.last_request = self.last_request.wrapping_add(1) & !FILTER_BIT;
            if self.last_request != 0 && !self.dispatches.has_request(self.last_request) {
                return self.last_request;
            }
        }
    }
}
