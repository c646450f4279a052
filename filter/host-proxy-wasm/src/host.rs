//! The ABI as a [`Host`]: each method is one call to Envoy.

use crate::abi::{self, BufferType, MapType, Status};
use crate::callout::{self, CalloutToken};
use crate::{body, clock, environment, headers, log, property, random, reply, shared_data, signature};
use tollgate_core::http::{Callout, HeaderMap, Outcome, Reply};
use tollgate_core::machine::{KEPT_PROPERTY, Verification, Version};
use tollgate_core::report::{Level, MetricKind};
use tollgate_core::time::Micros;
use tollgate_driver::{HeadersError, Host, HostError, SharedValue};

/// How often counts are written. Envoy flushes its own statistics every five seconds by default.
const TICK_PERIOD_MS: u32 = 1_000;

/// Envoy, seen from a Wasm module.
#[derive(Clone, Copy, Debug)]
pub struct ProxyWasm;

impl From<Status> for HostError {
    fn from(status: Status) -> Self {
        HostError(status.0)
    }
}

impl Host for ProxyWasm {
    type CalloutId = CalloutToken;

    fn now(&mut self) -> Result<Micros, HostError> {
        Ok(clock::now()?)
    }

    fn random_seed(&mut self) -> Result<[u8; 16], HostError> {
        Ok(random::seed()?)
    }

    fn environment(&self, name: &str) -> Option<String> {
        environment::read(name)
    }

    fn log(&mut self, level: Level, line: &str) {
        log::write(level, line);
    }

    fn define_metric(&mut self, kind: MetricKind, name: &str) -> Result<u32, HostError> {
        let kind = match kind {
            MetricKind::Counter | MetricKind::FrequentCounter => 0,
            MetricKind::Histogram => 2,
        };
        Ok(abi::define_metric(kind, name.as_bytes())?)
    }

    fn increment_metric(&mut self, metric: u32, by: u64) {
        abi::increment_metric(metric, i64::try_from(by).unwrap_or(i64::MAX));
    }

    fn start_ticks(&mut self) -> bool {
        abi::set_tick_period(TICK_PERIOD_MS).ok().is_ok()
    }

    fn record_metric(&mut self, metric: u32, value: u64) {
        abi::record_metric(metric, value);
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
        property::read(path)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        Ok(property::set(KEPT_PROPERTY, bytes)?)
    }

    fn start_callout(&mut self, callout: &Callout) -> Result<CalloutToken, Outcome<'static>> {
        callout::start(callout)
    }

    /// Starts the callout in the context of the filter, because Envoy attributes a callout to the effective
    /// context.
    fn start_inquiry(
        &mut self,
        filter: u32,
        request: u32,
        callout: &Callout,
    ) -> Result<CalloutToken, Outcome<'static>> {
        let started = match abi::set_effective_context(filter).ok() {
            Ok(()) => callout::start(callout),
            Err(_) => Err(Outcome::Reset),
        };
        // Envoy rejects only contexts that it does not have, and this one's callback is running.
        let _ = abi::set_effective_context(request);
        started
    }

    fn enter_request(&mut self, request: u32) -> Result<(), HostError> {
        Ok(abi::set_effective_context(request).ok()?)
    }

    fn request_headers(&mut self) -> Result<HeaderMap, HeadersError> {
        headers::read(MapType::REQUEST_HEADERS)
    }

    fn request_trailers(&mut self) -> Result<HeaderMap, HeadersError> {
        headers::read(MapType::REQUEST_TRAILERS)
    }

    fn request_body(&mut self, bytes: usize) -> Option<Vec<u8>> {
        body::read(BufferType::REQUEST_BODY, bytes)
    }

    fn response_status(&mut self) -> Option<u16> {
        let response = headers::read(MapType::RESPONSE_HEADERS).ok()?;
        std::str::from_utf8(response.get(":status")?).ok()?.parse().ok()
    }

    fn remove_request_header(&mut self, name: &[u8]) -> Result<(), HostError> {
        Ok(headers::remove(MapType::REQUEST_HEADERS, name)?)
    }

    fn add_request_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError> {
        Ok(headers::add(MapType::REQUEST_HEADERS, name, value)?)
    }

    fn remove_request_trailer(&mut self, name: &[u8]) -> Result<(), HostError> {
        Ok(headers::remove(MapType::REQUEST_TRAILERS, name)?)
    }

    /// Always true: reading the map would cost more than replacing the fields does.
    fn response_may_have(&mut self, _: &[(&'static str, String)]) -> bool {
        true
    }

    fn add_response_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError> {
        Ok(headers::add(MapType::RESPONSE_HEADERS, name, value)?)
    }

    fn set_response_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError> {
        Ok(headers::set(MapType::RESPONSE_HEADERS, name, value)?)
    }

    fn reply(&mut self, reply: Reply) -> Result<(), HostError> {
        Ok(reply::send(&reply)?)
    }

    fn resume_request(&mut self) -> Result<(), HostError> {
        Ok(abi::continue_request().ok()?)
    }
}
