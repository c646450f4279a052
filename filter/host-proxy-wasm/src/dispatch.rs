//! Envoy's callbacks, and which filter or request each is for. Unknown ids and tokens are ignored quietly.

use crate::abi::{self, BufferType, MapType};
use crate::callout::{Answer, Token};
use crate::exchange::{Exchange, Stage};
use crate::fault::{self, Fault};
use crate::filter::{Filter, Setup};
use crate::metrics::DefinedMetrics;
use crate::pending::{Pending, Waiting};
use crate::perform::{Root, perform};
use crate::{body, clock, environment, headers, log, random};
use tollgate_core::report::{Level, Metrics};
use tollgate_core::sorted::SortedMap;
use tollgate_core::{Input, InquiryId, Machine};

/// What Envoy does with a request when a callback returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It goes on.
    Continue,
    /// It stays here.
    Pause,
}

/// All filters and requests of one VM. Several filters share a VM if their module and `vm_config` are the same.
pub struct Dispatch<F: Filter> {
    roots: SortedMap<u32, Root<F::Worker>>,
    /// Boxed, because the map moves its values about.
    exchanges: SortedMap<u32, Box<Exchange<F::Request>>>,
    pending: Pending,
}

impl<F: Filter> Dispatch<F> {
    /// A VM in which nothing has happened yet.
    #[allow(clippy::new_without_default, reason = "it initialises a static, where only a const fn will do")]
    pub const fn new() -> Self {
        Dispatch { roots: SortedMap::new(), exchanges: SortedMap::new(), pending: Pending::new() }
    }

    /// A context begins: a filter's, which has no parent, or a request's, whose parent is the filter's.
    pub fn context_create(&mut self, context_id: u32, parent_id: u32) {
        if let Some(root) = self.roots.get(&parent_id) {
            let exchange = Exchange::new(parent_id, F::request(&root.worker));
            self.exchanges.insert(context_id, Box::new(exchange));
        }
    }

    /// A filter gets its configuration. False makes Envoy refuse it; the log says why.
    pub fn configure(&mut self, context_id: u32, document_size: usize) -> bool {
        match configured::<F>(document_size) {
            Ok(root) => {
                self.roots.insert(context_id, root);
                true
            }
            Err(error) => {
                log::write(Level::Error, &error);
                false
            }
        }
    }

    /// The header fields of a request have come.
    pub fn request_headers(&mut self, context_id: u32, end_of_stream: bool) -> Flow {
        if self.exchanges.get(&context_id).is_none() {
            fault::refuse(Fault::Unconfigured);
            return Flow::Pause;
        }
        match headers::read(MapType::REQUEST_HEADERS) {
            Ok(headers) => self.give(context_id, Input::Head { headers, end_of_stream }),
            Err(unreadable) => {
                if let Some(exchange) = self.exchanges.get_mut(&context_id) {
                    exchange.refuse(Fault::Headers(unreadable));
                }
            }
        }
        self.flow(context_id)
    }

    /// More of a request's body has come: `size` is all that is held, or, once the request was let go, what is new.
    pub fn request_body(&mut self, context_id: u32, size: usize, end_of_stream: bool) -> Flow {
        let Some(exchange) = self.held(context_id) else { return self.flow(context_id) };
        if exchange.body_given {
            return Flow::Pause;
        }
        exchange.body_bytes = size;
        // Before it is copied the machine hears its size, so that it can refuse one that is too large.
        self.give(context_id, Input::BodyGrew { bytes: size });
        if end_of_stream {
            self.give_body(context_id);
        }
        self.flow(context_id)
    }

    /// The trailers of a request have come; so its body is complete.
    pub fn request_trailers(&mut self, context_id: u32) -> Flow {
        if let Err(fault) = remove_trailers::<F>() {
            match self.exchanges.get_mut(&context_id) {
                Some(exchange) => exchange.refuse(fault),
                None => fault::refuse(fault),
            }
            return Flow::Pause;
        }
        self.give_body(context_id);
        self.flow(context_id)
    }

    /// The header fields of a response have come, the upstream's or one that Envoy gives itself.
    pub fn response_headers(&mut self, context_id: u32) {
        let Some(exchange) = self.exchanges.get_mut(&context_id) else { return };
        exchange.respond();
        if let Some(status) = exchange.status_to_tell()
            && let Some(root) = self.roots.get_mut(&exchange.root_id)
        {
            perform(root, exchange, context_id, &mut self.pending, Input::Responded { status });
        }
    }

    /// An HTTP callout has ended. Without header fields it has failed.
    pub fn http_call_response(&mut self, token: u32, field_count: usize, body_size: usize) {
        self.answered(Token::Http(token), || Answer::read_http(field_count, body_size));
    }

    /// A gRPC callout was answered.
    pub fn grpc_receive(&mut self, token: u32, size: usize) {
        self.answered(Token::Grpc(token), || Answer::read_grpc_message(size));
    }

    /// A gRPC callout has ended. Does nothing if it was answered.
    pub fn grpc_close(&mut self, token: u32, grpc_status: u32) {
        self.answered(Token::Grpc(token), || Answer::read_grpc_close(grpc_status));
    }

    /// A context is over.
    pub fn delete(&mut self, context_id: u32) {
        match self.exchanges.remove(&context_id) {
            Some(exchange) if exchange.has_called => self.pending.forget(context_id),
            Some(_) => {}
            None => {
                self.roots.remove(&context_id);
                self.pending.forget(context_id);
            }
        }
    }

    fn held(&mut self, context_id: u32) -> Option<&mut Exchange<F::Request>> {
        self.exchanges.get_mut(&context_id).map(Box::as_mut).filter(|exchange| exchange.stage == Stage::Held)
    }

    /// A request that was never seen is not let go.
    fn flow(&self, context_id: u32) -> Flow {
        match self.exchanges.get(&context_id).map(|exchange| exchange.stage) {
            Some(Stage::Forwarded) => Flow::Continue,
            Some(Stage::Held | Stage::Replied) | None => Flow::Pause,
        }
    }

    /// Gives a request's machine an input, if the request is still held.
    fn give(&mut self, context_id: u32, input: Input<'_>) {
        let exchange = self.exchanges.get_mut(&context_id).filter(|exchange| exchange.stage == Stage::Held);
        let Some(exchange) = exchange else { return };
        match self.roots.get_mut(&exchange.root_id) {
            Some(root) => perform(root, exchange, context_id, &mut self.pending, input),
            None => exchange.refuse(Fault::Unconfigured),
        }
    }

    /// Gives a request's machine the whole body, once.
    fn give_body(&mut self, context_id: u32) {
        let Some(exchange) = self.held(context_id).filter(|exchange| !exchange.body_given) else { return };
        exchange.body_given = true;
        match body::read(BufferType::REQUEST_BODY, exchange.body_bytes) {
            Some(body) => self.give(context_id, Input::Body(&body)),
            None => exchange.refuse(Fault::Body),
        }
    }

    /// A callout has ended: its answer is read, and given to whoever waits for it.
    fn answered(&mut self, token: Token, read: impl FnOnce() -> Answer) {
        match self.pending.take(token) {
            // The callback runs in the filter's context. A host that has no longer that of the request has nothing
            // to let go either.
            Some(Waiting::Request { context_id, call }) if self.enter_held(context_id) => {
                let answer = read();
                self.give_and_resume(context_id, Input::Answered { call, outcome: answer.outcome() });
            }
            Some(Waiting::Worker { root_id, inquiry }) => self.settle(root_id, inquiry, &read()),
            Some(Waiting::Request { .. }) | None => {}
        }
    }

    /// An inquiry has ended: the filter learns what came of it, then the requests that it held up go on.
    fn settle(&mut self, root_id: u32, inquiry: InquiryId, answer: &Answer) {
        let Some(root) = self.roots.get_mut(&root_id) else { return };
        // Without a clock it counts as learned long ago, and is asked for again.
        let now = clock::now().unwrap_or_default();
        root.metrics.report(F::Request::settle(&mut root.worker, now, inquiry, answer.outcome()));
        let awaits = |exchange: &Exchange<_>| exchange.root_id == root_id && exchange.awaits == Some(inquiry);
        let waiting = self.exchanges.iter().filter(|(_, exchange)| awaits(exchange));
        let waiting: Vec<u32> = waiting.map(|(context_id, _)| *context_id).collect();
        for context_id in waiting {
            if self.enter_held(context_id) {
                self.give_and_resume(context_id, Input::Settled);
            }
        }
    }

    /// Makes a held request the current context of the host. False if there is no such request.
    fn enter_held(&mut self, context_id: u32) -> bool {
        match self.held(context_id) {
            Some(exchange) => {
                exchange.awaits = None;
                abi::set_effective_context(context_id).ok().is_ok()
            }
            None => false,
        }
    }

    /// Gives a request an input outside of its own callbacks, and lets it go on if it may.
    fn give_and_resume(&mut self, context_id: u32, input: Input<'_>) {
        self.give(context_id, input);
        if let Some(exchange) = self.exchanges.get(&context_id) {
            exchange.resume_if_forwarded();
        }
    }
}

fn configured<F: Filter>(document_size: usize) -> Result<Root<F::Worker>, String> {
    let document = body::read(BufferType::PLUGIN_CONFIGURATION, document_size)
        .ok_or("the configuration could not be read from Envoy")?;
    let seed = random::seed().map_err(|status| format!("Envoy gave no randomness, error {}", status.0))?;
    let worker = F::configure(Setup { document: &document, environment: &environment::read, seed })?;
    let metrics = DefinedMetrics::define(&worker.metrics())?;
    Ok(Root { worker, metrics })
}

fn remove_trailers<F: Filter>() -> Result<(), Fault> {
    let trailers = headers::read(MapType::REQUEST_TRAILERS).map_err(Fault::Headers)?;
    for (name, _) in trailers.iter().filter(|(name, _)| F::removes_trailer(name)) {
        headers::remove(MapType::REQUEST_TRAILERS, name).map_err(Fault::HeaderKept)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
