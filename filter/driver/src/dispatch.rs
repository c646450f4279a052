//! The filters and requests of one worker thread, and which of them an event of the host is for.
//!
//! Unknown contexts and callouts are ignored: a host may answer for a request that has just ended.

use crate::callout::CalloutResult;
use crate::exchange::{Exchange, Stage};
use crate::filter::{Filter, Setup};
use crate::host::Host;
use crate::metrics::DefinedMetrics;
use crate::pending::{CalloutOwner, PendingCallouts};
use crate::perform::{ConfiguredFilter, perform, settle};
use crate::unjudged::{self, UnjudgedError};
use tollgate_core::report::{Level, Metrics};
use tollgate_core::sorted::SortedMap;
use tollgate_core::{Input, InquiryId, Machine};

/// What the host does with a request when a callback returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It continues.
    Continue,
    /// It is held.
    Pause,
}

/// All filters and requests of one worker thread, by the numbers of their contexts.
///
/// Requests and filters are numbered in one space. A host calls [`Dispatch::configure`] for a filter, then for each request
/// [`Dispatch::begin_request`], [`Dispatch::request_headers`], body, trailers, [`Dispatch::response_headers`], and
/// [`Dispatch::end_context`]. After [`Flow::Pause`] it holds the request until [`Host::resume_request`] or
/// [`Host::reply`]. No method is called while another runs.
///
/// Several filters share a thread, and on proxy-wasm a VM if their module and `vm_config` are the same.
pub struct Dispatch<F: Filter, H: Host> {
    filters: SortedMap<u32, ConfiguredFilter<F::Worker>>,
    /// Boxed, because the map moves its values.
    exchanges: SortedMap<u32, Box<Exchange<F::Request>>>,
    pending: PendingCallouts<H::CalloutId>,
}

impl<F: Filter, H: Host> Dispatch<F, H> {
    /// Returns one without filters and requests.
    #[allow(clippy::new_without_default, reason = "it initializes a static, where only a const fn will do")]
    pub const fn new() -> Self {
        Dispatch { filters: SortedMap::new(), exchanges: SortedMap::new(), pending: PendingCallouts::new() }
    }

    /// Begins a request of that filter. One of a filter that is not configured is refused later.
    pub fn begin_request(&mut self, request_id: u32, filter_id: u32) {
        if let Some(filter) = self.filters.get(&filter_id) {
            let exchange = Exchange::new(filter_id, F::request(&filter.worker));
            self.exchanges.insert(request_id, Box::new(exchange));
        }
    }

    /// Configures a filter; `None` is a document that the host could not return. Returns false for the host to refuse
    /// the configuration; the log says why.
    pub fn configure(&mut self, host: &mut H, filter_id: u32, document: Option<&[u8]>) -> bool {
        match configured::<F, H>(host, document) {
            Ok(filter) => {
                self.filters.insert(filter_id, filter);
                true
            }
            Err(error) => {
                host.log(Level::Error, &error);
                false
            }
        }
    }

    /// Handles the header fields of a request.
    pub fn request_headers(&mut self, host: &mut H, request_id: u32, end_of_stream: bool) -> Flow {
        if self.exchanges.get(&request_id).is_none() {
            unjudged::refuse(host, UnjudgedError::Unconfigured);
            return Flow::Pause;
        }
        match host.request_headers() {
            Ok(headers) => self.give(host, request_id, Input::Head { headers, end_of_stream }),
            Err(error) => {
                if let Some(exchange) = self.exchanges.get_mut(&request_id) {
                    exchange.refuse(host, UnjudgedError::Headers(error));
                }
            }
        }
        self.flow(request_id)
    }

    /// Handles more of a request's body: `size` is all that is held, or, once the request was let go, what is new.
    pub fn request_body(&mut self, host: &mut H, request_id: u32, size: usize, end_of_stream: bool) -> Flow {
        let Some(exchange) = self.held(request_id) else { return self.flow(request_id) };
        if exchange.body_given {
            return Flow::Pause;
        }
        exchange.body_bytes = size;
        // The machine gets the size before the bytes are copied, so that it can refuse a body that is too large.
        self.give(host, request_id, Input::BodyGrew { bytes: size });
        if end_of_stream {
            self.give_body(host, request_id);
        }
        self.flow(request_id)
    }

    /// Handles the trailers of a request, which complete its body.
    pub fn request_trailers(&mut self, host: &mut H, request_id: u32) -> Flow {
        if let Err(error) = remove_trailers::<F, H>(host) {
            match self.exchanges.get_mut(&request_id) {
                Some(exchange) => exchange.refuse(host, error),
                None => unjudged::refuse(host, error),
            }
            return Flow::Pause;
        }
        self.give_body(host, request_id);
        self.flow(request_id)
    }

    /// Handles the header fields of a response: the upstream's, or one of the host's own.
    pub fn response_headers(&mut self, host: &mut H, request_id: u32) {
        let Some(exchange) = self.exchanges.get_mut(&request_id) else { return };
        exchange.respond(host);
        if let Some(status) = exchange.status_to_tell(host)
            && let Some(filter) = self.filters.get_mut(&exchange.filter_id)
        {
            perform(host, filter, exchange, request_id, &mut self.pending, Input::Responded { status });
        }
    }

    /// Handles the end of a callout: `read` reads its result, which goes to the request or the filter that made it.
    pub fn callout_ended(
        &mut self,
        host: &mut H,
        callout: H::CalloutId,
        read: impl FnOnce() -> CalloutResult,
    ) {
        match self.pending.take(callout) {
            // The callback runs in the filter's context. A host that no longer has that of the request has nothing to let
            // go either.
            Some(CalloutOwner::Request { request_id, call }) if self.enter_held(host, request_id) => {
                let result = read();
                self.give_and_resume(host, request_id, Input::Answered { call, outcome: result.outcome() });
            }
            Some(CalloutOwner::Filter { filter_id, inquiry }) => {
                self.settle(host, filter_id, inquiry, &read());
            }
            Some(CalloutOwner::Request { .. }) | None => {}
        }
    }

    /// Ends a context: a request's or a filter's.
    pub fn end_context(&mut self, host: &mut H, context_id: u32) {
        match self.exchanges.remove(&context_id) {
            Some(exchange) => {
                if exchange.is_unanswered()
                    && let Some(bytes) = exchange.machine.keep()
                {
                    // A client that has left is no reason for a redirect, so what cannot be kept is rarely missed.
                    let _ = host.keep(&bytes);
                }
                if exchange.has_called {
                    self.pending.remove_owner(context_id);
                }
            }
            None => {
                self.filters.remove(&context_id);
                self.pending.remove_owner(context_id);
            }
        }
    }

    /// Returns what the requests of a filter share.
    pub fn worker(&self, filter_id: u32) -> Option<&F::Worker> {
        self.filters.get(&filter_id).map(|filter| &filter.worker)
    }

    /// Returns the machine of a request that has not ended.
    pub fn request(&self, request_id: u32) -> Option<&F::Request> {
        self.exchanges.get(&request_id).map(|exchange| &exchange.machine)
    }

    /// Returns the callout of the inquiry for whose end a request is held.
    pub fn awaited_callout(&self, request_id: u32) -> Option<H::CalloutId> {
        let exchange = self.exchanges.get(&request_id)?;
        self.pending.callout_of(exchange.filter_id, exchange.awaits?)
    }

    fn held(&mut self, request_id: u32) -> Option<&mut Exchange<F::Request>> {
        self.exchanges.get_mut(&request_id).map(Box::as_mut).filter(|exchange| exchange.stage == Stage::Held)
    }

    /// A request that was never seen is not let go.
    fn flow(&self, request_id: u32) -> Flow {
        match self.exchanges.get(&request_id).map(|exchange| exchange.stage) {
            Some(Stage::Forwarded) => Flow::Continue,
            Some(Stage::Held | Stage::Replied) | None => Flow::Pause,
        }
    }

    /// Gives a request's machine an input, if the request is still held.
    fn give(&mut self, host: &mut H, request_id: u32, input: Input<'_>) {
        let exchange = self.exchanges.get_mut(&request_id).filter(|exchange| exchange.stage == Stage::Held);
        let Some(exchange) = exchange else { return };
        match self.filters.get_mut(&exchange.filter_id) {
            Some(filter) => perform(host, filter, exchange, request_id, &mut self.pending, input),
            None => exchange.refuse(host, UnjudgedError::Unconfigured),
        }
    }

    /// Gives a request's machine the whole body, once.
    fn give_body(&mut self, host: &mut H, request_id: u32) {
        let Some(exchange) = self.held(request_id).filter(|exchange| !exchange.body_given) else { return };
        exchange.body_given = true;
        match host.request_body(exchange.body_bytes) {
            Some(body) => self.give(host, request_id, Input::Body(&body)),
            None => exchange.refuse(host, UnjudgedError::Body),
        }
    }

    /// Gives a filter the result of its inquiry; then the requests that wait for it continue.
    fn settle(&mut self, host: &mut H, filter_id: u32, inquiry: InquiryId, result: &CalloutResult) {
        let Some(filter) = self.filters.get_mut(&filter_id) else { return };
        // Without a clock it counts as learned long ago, and is asked for again.
        let now = host.now().unwrap_or_default();
        settle::<F::Request, H>(host, filter, now, inquiry, result.outcome());
        let awaits =
            |exchange: &Exchange<_>| exchange.filter_id == filter_id && exchange.awaits == Some(inquiry);
        let waiting = self.exchanges.iter().filter(|(_, exchange)| awaits(exchange));
        let waiting: Vec<u32> = waiting.map(|(request_id, _)| *request_id).collect();
        for request_id in waiting {
            if self.enter_held(host, request_id) {
                self.give_and_resume(host, request_id, Input::Settled);
            }
        }
    }

    /// Makes a held request the host's current one. Returns false if there is no such request.
    fn enter_held(&mut self, host: &mut H, request_id: u32) -> bool {
        match self.held(request_id) {
            Some(exchange) => {
                exchange.awaits = None;
                host.enter_request(request_id).is_ok()
            }
            None => false,
        }
    }

    /// Gives a request an input outside of its own callbacks, and lets it continue if it may.
    fn give_and_resume(&mut self, host: &mut H, request_id: u32, input: Input<'_>) {
        self.give(host, request_id, input);
        if let Some(exchange) = self.exchanges.get(&request_id) {
            exchange.resume_if_forwarded(host);
        }
    }
}

fn configured<F: Filter, H: Host>(
    host: &mut H,
    document: Option<&[u8]>,
) -> Result<ConfiguredFilter<F::Worker>, String> {
    let document = document.ok_or("the configuration could not be read from Envoy")?;
    let seed = host.random_seed().map_err(|error| format!("Envoy gave no randomness, error {}", error.0))?;
    let environment = |name: &str| host.environment(name);
    let worker = F::configure(Setup { document, environment: &environment, seed })?;
    let metrics = DefinedMetrics::define(host, &worker.metrics())?;
    Ok(ConfiguredFilter { worker, metrics })
}

fn remove_trailers<F: Filter, H: Host>(host: &mut H) -> Result<(), UnjudgedError> {
    let trailers = host.request_trailers().map_err(UnjudgedError::Headers)?;
    for (name, _) in trailers.iter().filter(|(name, _)| F::removes_trailer(name)) {
        host.remove_request_trailer(name).map_err(UnjudgedError::HeaderKept)?;
    }
    Ok(())
}
