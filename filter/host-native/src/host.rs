//! The ABI as a [`Host`].

use crate::abi::{self, FilterConfig, MapType, Stream};
use crate::callout::{self, Token};
use crate::headers::{self, REFUSED};
use crate::registry::RegisteredFilter;
use crate::{body, held, inquiry, kept, process, reply, shared_data, signature};
use std::collections::BTreeMap;
use std::sync::Arc;
use tollgate_core::config::ApiKeyVariable;
use tollgate_core::http::{Callout, HeaderMap, Outcome, Reply};
use tollgate_core::machine::{KEPT_PROPERTY, Verification, Version};
use tollgate_core::report::{Level, MetricKind};
use tollgate_core::time::Micros;
use tollgate_driver::{HeadersError, Host, HostError, SharedValue};

/// Envoy as one hook sees it.
#[derive(Debug)]
pub(crate) struct Native {
    scope: Scope,
    /// The effects to perform after the worker is left, by request: Envoy calls other hooks during them.
    effects: Vec<(u32, Effect)>,
    /// The held requests that were the current one.
    entered: Vec<u32>,
    /// The time of the event that the hook handles, if that is earlier than now. The first reading of the
    /// clock returns it: it is the time of the result, while the requests that wait for it continue now.
    event_time: Option<Micros>,
}

/// An effect that ends the holding of a request.
#[derive(Debug)]
enum Effect {
    Reply(Reply),
    Continue,
}

/// The outcome of the request whose hook is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnRequest {
    /// There is no decision yet, or the result of its hook is the decision.
    Unchanged,
    /// It has a reply, and may have ended.
    Replied,
    /// It was forwarded because of another request's event, and its hook must let it continue.
    Continues,
}

/// The request or filter to which the running hook belongs.
#[derive(Debug)]
enum Scope {
    /// The main thread configures a filter.
    MainThread {
        config: FilterConfig,
        /// The API keys that the document lists.
        api_keys: Vec<ApiKeyVariable>,
        /// The metrics that were defined.
        metrics: BTreeMap<String, u32>,
    },
    /// A worker configures a filter that the main thread has configured.
    Worker(Arc<RegisteredFilter>),
    /// A request.
    Request { stream: Stream, request_id: u32 },
    /// A request or a filter ends.
    Ended,
}

impl Native {
    /// Returns the host of the hook that configures a filter.
    pub(crate) fn configuring(config: FilterConfig, api_keys: Vec<ApiKeyVariable>) -> Self {
        Native::from_scope(Scope::MainThread { config, api_keys, metrics: BTreeMap::new() })
    }

    /// Returns the host of a worker that configures a filter.
    pub(crate) fn in_worker(filter: Arc<RegisteredFilter>) -> Self {
        Native::from_scope(Scope::Worker(filter))
    }

    /// Returns the host of a request's hook.
    pub(crate) fn request(stream: Stream, request_id: u32) -> Self {
        Native::from_scope(Scope::Request { stream, request_id })
    }

    /// Returns the host of a hook that ends a request or a filter.
    pub(crate) fn ended() -> Self {
        Native::from_scope(Scope::Ended)
    }

    /// Returns the host of a request's hook that handles an earlier event.
    pub(crate) fn request_at(stream: Stream, request_id: u32, event_time: Option<Micros>) -> Self {
        Native { event_time, ..Native::request(stream, request_id) }
    }

    fn from_scope(scope: Scope) -> Self {
        Native { scope, effects: Vec::new(), entered: Vec::new(), event_time: None }
    }

    /// Returns the metrics that were defined in the main thread.
    pub(crate) fn into_metrics(self) -> BTreeMap<String, u32> {
        match self.scope {
            Scope::MainThread { metrics, .. } => metrics,
            Scope::Worker(_) | Scope::Request { .. } | Scope::Ended => BTreeMap::new(),
        }
    }

    /// Returns the held requests that got an input.
    pub(crate) fn take_entered(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.entered)
    }

    /// Sends replies and resumes held requests. `own` is the request whose hook decides by its result; any
    /// request may have ended when this returns.
    pub(crate) fn finish(self, own: Option<(u32, Stream)>) -> OwnRequest {
        let mut outcome = OwnRequest::Unchanged;
        for (request_id, effect) in self.effects {
            let own = own.filter(|(own, _)| *own == request_id).map(|(_, stream)| stream);
            let Some(stream) = own.or_else(|| held::get(request_id)) else { continue };
            held::remove(request_id);
            match effect {
                Effect::Reply(reply) => {
                    reply::send(stream, &reply);
                    if own.is_some() {
                        outcome = OwnRequest::Replied;
                    }
                }
                Effect::Continue if own.is_some() => outcome = OwnRequest::Continues,
                Effect::Continue => abi::continue_decoding(stream),
            }
        }
        outcome
    }

    fn push_effect(&mut self, effect: Effect) -> Result<(), HostError> {
        let Scope::Request { request_id, .. } = self.scope else { return Err(REFUSED) };
        self.effects.push((request_id, effect));
        Ok(())
    }

    fn stream(&self) -> Result<Stream, HostError> {
        match self.scope {
            Scope::Request { stream, .. } => Ok(stream),
            Scope::MainThread { .. } | Scope::Worker(_) | Scope::Ended => Err(REFUSED),
        }
    }
}

impl Host for Native {
    type CalloutId = Token;

    fn now(&mut self) -> Result<Micros, HostError> {
        self.event_time.take().map_or_else(process::now, Ok)
    }

    fn random_seed(&mut self) -> Result<[u8; 16], HostError> {
        process::random_seed()
    }

    fn environment(&self, name: &str) -> Option<String> {
        let listed = match &self.scope {
            Scope::MainThread { api_keys, .. } => api_keys,
            Scope::Worker(filter) => &filter.api_keys,
            Scope::Request { .. } | Scope::Ended => return None,
        };
        process::environment(name, listed)
    }

    fn log(&mut self, level: Level, line: &str) {
        let level = match level {
            Level::Debug => 1,
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        abi::log(level, line.as_bytes());
    }

    fn define_metric(&mut self, kind: MetricKind, name: &str) -> Result<u32, HostError> {
        match &mut self.scope {
            Scope::MainThread { config, metrics, .. } => {
                let id = match kind {
                    MetricKind::Counter | MetricKind::FrequentCounter => abi::define_counter(*config, name),
                    MetricKind::Histogram => abi::define_histogram(*config, name),
                };
                let id = u32::try_from(id.map_err(HostError)?).map_err(|_| REFUSED)?;
                metrics.insert(name.to_owned(), id);
                Ok(id)
            }
            Scope::Worker(filter) => filter.metrics.get(name).copied().ok_or(REFUSED),
            Scope::Request { .. } | Scope::Ended => Err(REFUSED),
        }
    }

    fn increment_metric(&mut self, metric: u32, by: u64) {
        if let (Ok(stream), Ok(id)) = (self.stream(), usize::try_from(metric)) {
            abi::increment_counter(stream, id, by);
        }
    }

    /// A count is one call of a function here, which costs no more than to add it up.
    fn start_ticks(&mut self) -> bool {
        false
    }

    fn record_metric(&mut self, metric: u32, value: u64) {
        if let (Ok(stream), Ok(id)) = (self.stream(), usize::try_from(metric)) {
            abi::record_histogram(stream, id, value);
        }
    }

    fn load(&mut self, key: &str) -> SharedValue {
        shared_data::load(key)
    }

    fn swap(&mut self, key: &str, value: &[u8], version: Version) -> bool {
        shared_data::swap(key, value, version)
    }

    fn verify(&mut self, public_key: &[u8], signature: &[u8], text: &[u8]) -> Verification {
        signature::verify(public_key, signature, text)
    }

    fn property(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        let stream = self.stream().ok()?;
        match path {
            ["xds", "route_metadata", "filter_metadata", namespace, key] => {
                abi::route_metadata(stream, namespace, key)
            }
            ["source", "address"] => abi::source_address(stream),
            path if path == KEPT_PROPERTY => {
                kept::take(&abi::header(stream, MapType::RequestHeaders, kept::FIELD)?)
            }
            _ => None,
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        let stream = self.stream()?;
        let value = kept::keep(bytes).ok_or(REFUSED)?;
        headers::set(stream, MapType::RequestHeaders, kept::FIELD, value.as_bytes())
    }

    fn start_callout(&mut self, callout: &Callout) -> Result<Token, Outcome<'static>> {
        match self.scope {
            Scope::Request { stream, request_id } => callout::start(stream, request_id, callout),
            Scope::MainThread { .. } | Scope::Worker(_) | Scope::Ended => Err(Outcome::ClusterUnknown),
        }
    }

    fn start_inquiry(
        &mut self,
        filter: u32,
        _request: u32,
        callout: &Callout,
    ) -> Result<Token, Outcome<'static>> {
        inquiry::start(filter, callout).map(Token::Inquiry)
    }

    fn enter_request(&mut self, request: u32) -> Result<(), HostError> {
        let stream = held::get(request).ok_or(REFUSED)?;
        self.scope = Scope::Request { stream, request_id: request };
        self.entered.push(request);
        Ok(())
    }

    fn request_headers(&mut self) -> Result<HeaderMap, HeadersError> {
        headers::read(self.stream().map_err(HeadersError::Refused)?, MapType::RequestHeaders)
    }

    fn request_trailers(&mut self) -> Result<HeaderMap, HeadersError> {
        headers::read(self.stream().map_err(HeadersError::Refused)?, MapType::RequestTrailers)
    }

    fn request_body(&mut self, bytes: usize) -> Option<Vec<u8>> {
        body::read(self.stream().ok()?, bytes)
    }

    fn response_status(&mut self) -> Option<u16> {
        let status = abi::header(self.stream().ok()?, MapType::ResponseHeaders, ":status")?;
        std::str::from_utf8(&status).ok()?.parse().ok()
    }

    fn remove_request_header(&mut self, name: &[u8]) -> Result<(), HostError> {
        headers::remove(self.stream()?, MapType::RequestHeaders, name)
    }

    fn add_request_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError> {
        headers::add(self.stream()?, MapType::RequestHeaders, name, value)
    }

    fn remove_request_trailer(&mut self, name: &[u8]) -> Result<(), HostError> {
        headers::remove(self.stream()?, MapType::RequestTrailers, name)
    }

    fn response_may_have(&mut self, fields: &[(&'static str, String)]) -> bool {
        let is_one = |name: &[u8]| fields.iter().any(|(own, _)| own.as_bytes() == name);
        self.stream().map_or(true, |stream| abi::may_have_header(stream, MapType::ResponseHeaders, is_one))
    }

    fn add_response_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError> {
        headers::add(self.stream()?, MapType::ResponseHeaders, name, value)
    }

    fn set_response_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError> {
        headers::set(self.stream()?, MapType::ResponseHeaders, name, value)
    }

    fn reply(&mut self, reply: Reply) -> Result<(), HostError> {
        self.push_effect(Effect::Reply(reply))
    }

    fn resume_request(&mut self) -> Result<(), HostError> {
        self.push_effect(Effect::Continue)
    }
}
