//! The filters and requests of one thread.

use crate::abi::Stream;
use crate::callout::{self, EndedCallout, Token};
use crate::handles::RequestHandle;
use crate::host::{Native, OwnRequest};
use crate::registry::{self, FILTER_BIT};
use crate::{grpc, held, inquiry, thread_state};
use plan_gate::PlanGate;
use std::cell::RefCell;
use tollgate_driver::{CalloutResult, Dispatch, Flow};

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
    thread_state::change(&WORKER, hook).unwrap_or(refused)
}

/// Runs a hook that judges its own request, by header fields or by what follows them.
pub(crate) fn judge(
    stream: Stream,
    request: RequestHandle,
    hook: impl FnOnce(&mut Worker, &mut Native) -> Flow,
) -> Flow {
    settle_inquiries(stream, request);
    let request_id = request.request_id();
    let mut host = Native::request(stream, request_id);
    let flow = enter(Flow::Pause, |worker| hook(worker, &mut host));
    let became = host.finish(Some((request_id, stream)));
    if flow == Flow::Continue || became == OwnRequest::Answered {
        held::remove(request_id);
        return flow;
    }
    held::insert(request_id, stream);
    let became = run_ended_callouts(request.filter_id(), Some((request_id, stream)));
    if became == OwnRequest::Continues {
        return Flow::Continue;
    }
    wait_for_inquiry(request.filter_id(), request_id);
    Flow::Pause
}

/// Gives the rules the end of a callout of a request, when no hook is inside of the worker.
pub(crate) fn end_callout(request: RequestHandle, token: Token, result: CalloutResult) {
    callout::push_ended(EndedCallout { request_id: request.request_id(), token, result });
    run_ended_callouts(request.filter_id(), None);
}

/// Gives the rules the results of inquiries that have come for a filter. `stream` is a request's of that filter.
pub(crate) fn settle_inquiries(stream: Stream, request: RequestHandle) {
    for arrived in inquiry::take_results(request.filter_id()) {
        let mut host = Native::request_at(stream, request.request_id(), arrived.arrived);
        enter((), |worker| {
            let token = Token::Inquiry(arrived.inquiry);
            worker.dispatch.callout_ended(&mut host, token, || arrived.result);
        });
        inquiry::forget_waiting(request.filter_id(), arrived.inquiry);
        let entered = host.take_entered();
        host.finish(None);
        for request_id in entered {
            wait_for_inquiry(request.filter_id(), request_id);
        }
    }
}

/// Ends a request whose stream is about to end.
pub(crate) fn end_request(stream: Stream, request_id: u32) {
    enter((), |worker| worker.dispatch.end_context(&mut Native::request(stream, request_id), request_id));
}

/// Forgets a request whose stream has ended.
pub(crate) fn forget_request(request_id: u32) {
    held::remove(request_id);
    grpc::forget(request_id);
    enter((), |worker| {
        if worker.dispatch.request(request_id).is_some() {
            worker.dispatch.end_context(&mut Native::ended(), request_id);
        }
    });
}

/// Gives the rules the callouts that have ended. Those that end while this is called inside of another hook wait for it.
fn run_ended_callouts(filter_id: u32, own: Option<(u32, Stream)>) -> OwnRequest {
    let mut became = OwnRequest::Unchanged;
    while is_free()
        && let Some(ended) = callout::pop_ended()
    {
        // A request that has ended has nothing to be let go.
        let Some(stream) = held::get(ended.request_id) else { continue };
        let mut host = Native::request(stream, ended.request_id);
        enter((), |worker| worker.dispatch.callout_ended(&mut host, ended.token, || ended.result));
        match host.finish(own) {
            OwnRequest::Unchanged => wait_for_inquiry(filter_id, ended.request_id),
            changed => became = changed,
        }
    }
    became
}

fn is_free() -> bool {
    thread_state::change(&WORKER, |_| ()).is_some()
}

/// Has a request woken that is held until an inquiry ends.
fn wait_for_inquiry(filter_id: u32, request_id: u32) {
    if let Some(stream) = held::get(request_id)
        && let Some(Token::Inquiry(inquiry)) =
            enter(None, |worker| worker.dispatch.awaited_callout(request_id))
    {
        inquiry::wait(filter_id, inquiry, stream);
    }
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
                inquiry::open_mailbox(filter_id);
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
                None => {
                    self.dispatch.end_context(&mut Native::ended(), filter_id);
                    inquiry::close_mailbox(filter_id);
                }
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
