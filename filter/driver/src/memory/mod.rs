//! A host in memory: for the `tollgate` command, and for tests of the rules without a proxy.
//!
//! It records its effects by request, and starts callouts without sending them: its owner takes them
//! ([`MemoryHost::take_callouts`]) and decides how each ends.

mod records;
mod shared_data;

pub use records::{MemoryRequest, StartedCallout};
pub use shared_data::{Interruption, SharedData};

use crate::host::{HeadersError, Host, HostError, SharedValue};
use records::MemoryMetric;
use std::collections::{BTreeMap, BTreeSet};
use tollgate_core::http::{Callout, HeaderMap, Outcome, Reply};
use tollgate_core::machine::{KEPT_PROPERTY, Verification, Version};
use tollgate_core::report::{Level, MetricKind};
use tollgate_core::time::Micros;

/// A function that verifies signatures: public key, signature, signed text.
pub type Verifier = fn(&[u8], &[u8], &[u8]) -> Verification;

/// A host in memory.
#[derive(Debug, Default)]
pub struct MemoryHost {
    /// The current time.
    pub now: Micros,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Attributes, by their path joined by dots.
    pub properties: BTreeMap<String, Vec<u8>>,
    /// The function that verifies signatures; without it the host cannot verify any.
    pub verifier: Option<Verifier>,
    /// The number of verified signatures.
    pub verifications: u32,
    /// Its random bytes.
    pub seed: [u8; 16],
    /// The clusters that it does not have.
    pub unknown_clusters: BTreeSet<String>,
    /// The shared data of its process.
    pub shared: SharedData,
    /// The number of the next swaps that fail, as if another worker had been faster.
    pub swaps_to_lose: u32,
    /// The actions of another worker just before the next swap of a new value.
    pub before_first_swap: Interruption,
    /// The status with which it rejects the calls that a host may reject; `None` if it accepts them.
    pub rejects_with: Option<u32>,
    /// Whether it calls [`Dispatch::tick`](crate::Dispatch::tick), so that frequent counts are added up.
    pub ticks: bool,
    /// The requests, by context.
    pub requests: BTreeMap<u32, MemoryRequest>,
    /// The context of the current request.
    pub current: u32,
    callouts: Vec<StartedCallout>,
    callouts_started: u32,
    metrics: Vec<MemoryMetric>,
    lines: Vec<(Level, String)>,
}

impl MemoryHost {
    /// Returns the current request.
    pub fn request(&mut self) -> &mut MemoryRequest {
        self.requests.entry(self.current).or_default()
    }

    /// Takes the callouts that were started since this was last called.
    pub fn take_callouts(&mut self) -> Vec<StartedCallout> {
        std::mem::take(&mut self.callouts)
    }

    /// Takes the log lines that were written since this was last called.
    pub fn take_lines(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.lines)
    }

    /// Returns the log lines that were not taken.
    pub fn lines(&self) -> &[(Level, String)] {
        &self.lines
    }

    /// Returns how often a counter was incremented; `None` if no metric named `name` was defined.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.metrics.iter().find(|metric| metric.name == name).map(|metric| metric.count)
    }

    /// Returns the values that were added to a histogram; `None` if no metric named `name` was defined.
    pub fn samples(&self, name: &str) -> Option<&[u64]> {
        self.metrics.iter().find(|metric| metric.name == name).map(|metric| metric.samples.as_slice())
    }

    fn start(&mut self, request_id: Option<u32>, callout: &Callout) -> Result<u32, Outcome<'static>> {
        if self.unknown_clusters.contains(&callout.cluster) {
            return Err(Outcome::ClusterUnknown);
        }
        self.callouts_started = self.callouts_started.saturating_add(1);
        let id = self.callouts_started;
        self.callouts.push(StartedCallout { id, request_id, callout: callout.clone() });
        Ok(id)
    }

    /// Returns an error if calls are to be rejected.
    fn accept(&self) -> Result<(), HostError> {
        self.rejects_with.map_or(Ok(()), |status| Err(HostError(status)))
    }

    fn metric(&mut self, metric: u32) -> Option<&mut MemoryMetric> {
        self.metrics.get_mut(usize::try_from(metric).ok()?)
    }
}

impl Host for MemoryHost {
    type CalloutId = u32;

    fn now(&mut self) -> Result<Micros, HostError> {
        self.accept()?;
        Ok(self.now)
    }

    fn random_seed(&mut self) -> Result<[u8; 16], HostError> {
        self.accept()?;
        Ok(self.seed)
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }

    fn log(&mut self, level: Level, line: &str) {
        self.lines.push((level, line.to_owned()));
    }

    fn define_metric(&mut self, _: MetricKind, name: &str) -> Result<u32, HostError> {
        self.accept()?;
        let id = u32::try_from(self.metrics.len()).map_err(|_| HostError(0))?;
        self.metrics.push(MemoryMetric { name: name.to_owned(), ..MemoryMetric::default() });
        Ok(id)
    }

    fn increment_metric(&mut self, metric: u32, by: u64) {
        if let Some(metric) = self.metric(metric) {
            metric.count = metric.count.saturating_add(by);
        }
    }

    fn start_ticks(&mut self) -> bool {
        self.ticks
    }

    fn record_metric(&mut self, metric: u32, value: u64) {
        if let Some(metric) = self.metric(metric) {
            metric.samples.push(value);
        }
    }

    fn load(&mut self, key: &str) -> SharedValue {
        self.shared.load(key)
    }

    fn swap(&mut self, key: &str, value: &[u8], version: Version) -> bool {
        if version == Version::ABSENT
            && let Some(interrupt) = self.before_first_swap.0.take()
        {
            interrupt();
        }
        match self.swaps_to_lose.checked_sub(1) {
            Some(left) => {
                self.swaps_to_lose = left;
                false
            }
            None => self.shared.swap(key, value, version),
        }
    }

    fn verify(&mut self, public_key: &[u8], signature: &[u8], text: &[u8]) -> Verification {
        self.verifications = self.verifications.saturating_add(1);
        self.verifier.map_or(Verification::Unsupported, |verify| verify(public_key, signature, text))
    }

    fn property(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        self.properties.get(&path.join(".")).cloned()
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        self.accept()?;
        self.properties.insert(KEPT_PROPERTY.join("."), bytes.to_vec());
        Ok(())
    }

    fn start_callout(&mut self, callout: &Callout) -> Result<u32, Outcome<'static>> {
        self.start(Some(self.current), callout)
    }

    fn start_inquiry(&mut self, _: u32, _: u32, callout: &Callout) -> Result<u32, Outcome<'static>> {
        self.start(None, callout)
    }

    fn enter_request(&mut self, request: u32) -> Result<(), HostError> {
        self.accept()?;
        self.current = request;
        Ok(())
    }

    fn request_headers(&mut self) -> Result<HeaderMap, HeadersError> {
        self.accept().map_err(HeadersError::Refused)?;
        Ok(self.request().headers.clone())
    }

    fn request_trailers(&mut self) -> Result<HeaderMap, HeadersError> {
        self.accept().map_err(HeadersError::Refused)?;
        Ok(self.request().trailers.clone())
    }

    fn request_body(&mut self, bytes: usize) -> Option<Vec<u8>> {
        self.request().body.get(..bytes).map(<[u8]>::to_vec)
    }

    fn response_status(&mut self) -> Option<u16> {
        self.request().response_status
    }

    fn remove_request_header(&mut self, name: &[u8]) -> Result<(), HostError> {
        self.accept()?;
        self.request().removed.push(name.to_vec());
        Ok(())
    }

    fn add_request_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.accept()?;
        self.request().added.push((name.to_owned(), value.to_vec()));
        Ok(())
    }

    fn remove_request_trailer(&mut self, name: &[u8]) -> Result<(), HostError> {
        self.accept()?;
        self.request().removed.push(name.to_vec());
        Ok(())
    }

    fn response_may_have(&mut self, fields: &[(&'static str, String)]) -> bool {
        let response = &self.request().response;
        fields.iter().any(|(name, _)| response.iter().any(|(present, _)| present == name))
    }

    fn add_response_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.accept()?;
        self.request().response.push((name.to_owned(), value.to_vec()));
        Ok(())
    }

    fn set_response_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.accept()?;
        self.request().response.retain(|(present, _)| present != name);
        self.add_response_header(name, value)
    }

    fn reply(&mut self, reply: Reply) -> Result<(), HostError> {
        self.accept()?;
        self.request().reply = Some(reply);
        Ok(())
    }

    fn resume_request(&mut self) -> Result<(), HostError> {
        self.accept()?;
        self.request().resumed = true;
        Ok(())
    }
}
