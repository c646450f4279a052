//! What the deliveries of one worker thread share.

use super::metrics;
use super::source::EventSource;
use crate::config::Mode;
use crate::held::HeldRequests;
use crate::log_limit::LogLimit;
use crate::report::{MetricDefinition, Metrics};
use crate::sync::SyncState;

/// How many deliveries a worker thread holds at once, until their bodies are complete and judged. A sync
/// takes about a second and at least four callouts, and Stripe's API takes 100 requests a second, so that no
/// burst of true deliveries is so large. Stripe retries a delivery that is refused for that reason.
const DELIVERIES_MAX: usize = 512;

/// How many bytes of header fields and bodies a worker thread holds at once. Most events have less than 10
/// KB.
const DELIVERY_BYTES_MAX: usize = 16 << 20;

/// What the deliveries of one source to one worker thread share.
#[derive(Debug)]
pub struct WebhookWorker<S> {
    pub(super) source: S,
    pub(super) endpoint: Endpoint,
    pub(super) sync: SyncState,
    pub(super) held: HeldRequests,
    /// Limits the lines about refused signatures.
    pub(super) refusal_logged: LogLimit,
    /// Limits the lines about deliveries that were not held because too much was.
    pub(super) overload_logged: LogLimit,
}

/// Where a source delivers, and what becomes of a delivery.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// The exact path.
    pub(super) path: String,
    /// Who answers.
    pub(super) mode: Mode,
    /// The largest body that is taken.
    pub(super) body_bytes_max: usize,
}

impl<S> WebhookWorker<S> {
    /// Creates a worker of this source, whose syncs share this state.
    pub(super) fn with_source(source: S, endpoint: Endpoint, sync: SyncState) -> Self {
        WebhookWorker {
            source,
            endpoint,
            sync,
            held: HeldRequests::at_most(DELIVERIES_MAX, DELIVERY_BYTES_MAX),
            refusal_logged: LogLimit::default(),
            overload_logged: LogLimit::default(),
        }
    }
}

impl<S: EventSource> Metrics for WebhookWorker<S> {
    fn metrics(&self) -> Vec<MetricDefinition> {
        metrics::definitions(S::WORDS.metrics)
    }
}
