//! Keeps the filters and requests of one worker thread, and passes each event of the host to the one that it
//! belongs to.
//!
//! Unknown contexts and callouts are ignored: a host may report an event of a request that has just ended.

use crate::callout::CalloutResult;
use crate::exchange::{Exchange, Stage};
use crate::filter::{Filter, Setup};
use crate::host::Host;
use crate::metrics::DefinedMetrics;
use crate::pending::{CalloutOwner, PendingCallouts};
use crate::perform::{ConfiguredFilter, perform, report_inquiry};
use crate::undecided::{self, UndecidedError};
use tollgate_core::report::{Level, Metrics};
use tollgate_core::sorted::SortedMap;
use tollgate_core::{Input, InquiryId, Machine};

/// The host's next step with a request after a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Continue processing the request.
    Continue,
    /// Hold the request.
    Pause,
}

/// All filters and requests of one worker thread, by the IDs of their contexts.
///
/// Requests and filters share one range of IDs. A host calls [`Dispatch::configure`] for a filter, then for
/// each request [`Dispatch::begin_request`], [`Dispatch::request_headers`], [`Dispatch::request_body`],
/// [`Dispatch::request_trailers`], [`Dispatch::response_headers`], and [`Dispatch::end_context`]. After
/// [`Flow::Pause`] it holds the request until [`Host::resume_request`] or [`Host::reply`]. No method is called while
/// another one runs.
///
/// Several filters can share a thread. On proxy-wasm they also share a VM if their modules and their
/// `vm_config` are the same.
pub struct Dispatch<F: Filter, H: Host> {
    filters: SortedMap<u32, ConfiguredFilter<F::Worker>>,
    /// The requests, each with its machine and the progress of its exchange. Boxed, because the map moves its
    /// values.
    exchanges: SortedMap<u32, Box<Exchange<F::Request>>>,
    pending: PendingCallouts<H::CalloutId>,
}

impl<F: Filter, H: Host> Dispatch<F, H> {
    /// Returns a dispatch without filters and requests.
    #[allow(clippy::new_without_default, reason = "it initializes a static, where only a const fn will do")]
    pub const fn new() -> Self {
        Dispatch { filters: SortedMap::new(), exchanges: SortedMap::new(), pending: PendingCallouts::new() }
    }

    /// Starts a request of a filter. If the filter is not configured, the request is refused when its header
    /// fields arrive.
    pub fn begin_request(&mut self, request_id: u32, filter_id: u32) {
        if let Some(filter) = self.filters.get(&filter_id) {
            let exchange = Exchange::new(filter_id, F::request(&filter.worker));
            self.exchanges.insert(request_id, Box::new(exchange));
        }
    }

    /// Configures a filter. `document` is `None` if the host could not return it. Returns false if the host
    /// must reject the configuration; the log contains the reason.
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
            undecided::refuse(host, UndecidedError::Unconfigured);
            return Flow::Pause;
        }
        match host.request_headers() {
            Ok(headers) => self.pass(host, request_id, Input::Head { headers, end_of_stream }),
            Err(error) => {
                if let Some(exchange) = self.exchanges.get_mut(&request_id) {
                    exchange.refuse(host, UndecidedError::Headers(error));
                }
            }
        }
        self.flow(request_id)
    }

    /// Handles more of a request's body. `size` is the number of bytes that the host holds. After the request
    /// was forwarded, it is the number of new bytes.
    pub fn request_body(&mut self, host: &mut H, request_id: u32, size: usize, end_of_stream: bool) -> Flow {
        let Some(exchange) = self.held_exchange(request_id) else { return self.flow(request_id) };
        if exchange.body_passed {
            return Flow::Pause;
        }
        exchange.body_bytes = size;
        // The machine gets the size before the bytes are copied, so that it can refuse a body that is too
        // large.
        self.pass(host, request_id, Input::BodyGrew { bytes: size });
        if end_of_stream {
            self.pass_body(host, request_id);
        }
        self.flow(request_id)
    }

    /// Handles the trailers of a request, which complete its body.
    pub fn request_trailers(&mut self, host: &mut H, request_id: u32) -> Flow {
        if let Err(error) = remove_trailers::<F, H>(host) {
            match self.exchanges.get_mut(&request_id) {
                Some(exchange) => exchange.refuse(host, error),
                None => undecided::refuse(host, error),
            }
            return Flow::Pause;
        }
        self.pass_body(host, request_id);
        self.flow(request_id)
    }

    /// Handles the header fields of a response, from the upstream or from the host itself.
    pub fn response_headers(&mut self, host: &mut H, request_id: u32) {
        let Some(exchange) = self.exchanges.get_mut(&request_id) else { return };
        exchange.respond(host);
        if let Some(status) = exchange.requested_status(host)
            && let Some(filter) = self.filters.get_mut(&exchange.filter_id)
        {
            perform(host, filter, exchange, request_id, &mut self.pending, Input::Responded { status });
        }
    }

    /// Handles the end of a callout. `read` reads its result, which goes to the request or the filter that
    /// made it.
    pub fn callout_ended(
        &mut self,
        host: &mut H,
        callout: H::CalloutId,
        read: impl FnOnce() -> CalloutResult,
    ) {
        match self.pending.take(callout) {
            // The callback runs in the filter's context. If the host no longer has the request's context,
            // there is nothing to resume.
            Some(CalloutOwner::Request { request_id, call }) if self.enter_held(host, request_id) => {
                let result = read();
                self.pass_and_resume(
                    host,
                    request_id,
                    Input::CalloutEnded { call, outcome: result.outcome() },
                );
            }
            Some(CalloutOwner::Filter { filter_id, inquiry }) => {
                self.end_inquiry(host, filter_id, inquiry, &read());
            }
            Some(CalloutOwner::Request { .. }) | None => {}
        }
    }

    /// Writes what a filter has counted since its last tick.
    pub fn tick(&mut self, host: &mut H, filter_id: u32) {
        if let Some(filter) = self.filters.get_mut(&filter_id) {
            filter.metrics.write_counts(host);
        }
    }

    /// Ends the context of a request or of a filter.
    pub fn end_context(&mut self, host: &mut H, context_id: u32) {
        match self.exchanges.remove(&context_id) {
            Some(exchange) => {
                if exchange.is_unanswered()
                    && let Some(bytes) = exchange.machine.keep()
                {
                    // If the host cannot keep the bytes, nothing can be done. Usually they are not needed: if
                    // the client has disconnected, no redirect follows.
                    let _ = host.keep(&bytes);
                }
                if exchange.has_called {
                    self.pending.remove_owner(context_id);
                }
            }
            None => {
                self.tick(host, context_id);
                self.filters.remove(&context_id);
                self.pending.remove_owner(context_id);
            }
        }
    }

    /// Returns the worker of a filter, the state that its requests share.
    pub fn worker(&self, filter_id: u32) -> Option<&F::Worker> {
        self.filters.get(&filter_id).map(|filter| &filter.worker)
    }

    /// Returns the machine of a request that has not ended.
    pub fn request(&self, request_id: u32) -> Option<&F::Request> {
        self.exchanges.get(&request_id).map(|exchange| &exchange.machine)
    }

    /// Returns the callout of the inquiry that a request is waiting for.
    pub fn awaited_callout(&self, request_id: u32) -> Option<H::CalloutId> {
        let exchange = self.exchanges.get(&request_id)?;
        self.pending.callout_of(exchange.filter_id, exchange.awaited?)
    }

    fn held_exchange(&mut self, request_id: u32) -> Option<&mut Exchange<F::Request>> {
        self.exchanges.get_mut(&request_id).map(Box::as_mut).filter(|exchange| exchange.stage == Stage::Held)
    }

    /// Returns what the host does with a request. An unknown request is held.
    fn flow(&self, request_id: u32) -> Flow {
        match self.exchanges.get(&request_id).map(|exchange| exchange.stage) {
            Some(Stage::Forwarded) => Flow::Continue,
            Some(Stage::Held | Stage::Replied) | None => Flow::Pause,
        }
    }

    /// Passes an input to a request's machine, if the request is still held.
    fn pass(&mut self, host: &mut H, request_id: u32, input: Input<'_>) {
        let exchange = self.exchanges.get_mut(&request_id).filter(|exchange| exchange.stage == Stage::Held);
        let Some(exchange) = exchange else { return };
        match self.filters.get_mut(&exchange.filter_id) {
            Some(filter) => perform(host, filter, exchange, request_id, &mut self.pending, input),
            None => exchange.refuse(host, UndecidedError::Unconfigured),
        }
    }

    /// Passes the whole body to a request's machine, once.
    fn pass_body(&mut self, host: &mut H, request_id: u32) {
        let Some(exchange) = self.held_exchange(request_id).filter(|exchange| !exchange.body_passed) else {
            return;
        };
        exchange.body_passed = true;
        match host.request_body(exchange.body_bytes) {
            Some(body) => self.pass(host, request_id, Input::Body(&body)),
            None => exchange.refuse(host, UndecidedError::Body),
        }
    }

    /// Passes the result of an inquiry to its filter, then continues the requests that wait for it.
    fn end_inquiry(&mut self, host: &mut H, filter_id: u32, inquiry: InquiryId, result: &CalloutResult) {
        let Some(filter) = self.filters.get_mut(&filter_id) else { return };
        // If the clock cannot be read, the result gets the time 0, so it counts as expired and is requested
        // again.
        let now = host.now().unwrap_or_default();
        report_inquiry::<F::Request, H>(host, filter, now, inquiry, result.outcome());
        let awaited =
            |exchange: &Exchange<_>| exchange.filter_id == filter_id && exchange.awaited == Some(inquiry);
        let waiting = self.exchanges.iter().filter(|(_, exchange)| awaited(exchange));
        let waiting: Vec<u32> = waiting.map(|(request_id, _)| *request_id).collect();
        for request_id in waiting {
            if self.enter_held(host, request_id) {
                self.pass_and_resume(host, request_id, Input::InquiryEnded);
            }
        }
    }

    /// Makes a held request the host's current one. Returns false if the request is not held.
    fn enter_held(&mut self, host: &mut H, request_id: u32) -> bool {
        match self.held_exchange(request_id) {
            Some(exchange) => {
                exchange.awaited = None;
                host.enter_request(request_id).is_ok()
            }
            None => false,
        }
    }

    /// Passes an input to a request outside of its own callbacks, and resumes the request if it was
    /// forwarded.
    fn pass_and_resume(&mut self, host: &mut H, request_id: u32, input: Input<'_>) {
        self.pass(host, request_id, input);
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
    let seed =
        host.random_seed().map_err(|error| format!("Envoy returned no randomness, status {}", error.0))?;
    let environment = |name: &str| host.environment(name);
    let worker = F::configure(Setup { document, environment: &environment, seed })?;
    let metrics = DefinedMetrics::define(host, &worker.metrics())?;
    Ok(ConfiguredFilter { worker, metrics })
}

fn remove_trailers<F: Filter, H: Host>(host: &mut H) -> Result<(), UndecidedError> {
    let trailers = host.request_trailers().map_err(UndecidedError::Headers)?;
    for (name, _) in trailers.iter().filter(|(name, _)| F::removes_trailer(name)) {
        host.remove_request_trailer(name).map_err(UndecidedError::HeaderKept)?;
    }
    Ok(())
}
