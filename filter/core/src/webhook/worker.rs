//! State that the deliveries of one worker thread share.

use super::metrics;
use super::source::EventSource;
use crate::config::{EndpointSettings, Mode};
use crate::held::HeldRequests;
use crate::log_limit::LogLimit;
use crate::report::{MetricDefinition, Metrics};
use crate::sync::SyncState;

/// The maximum number of deliveries that a worker thread holds at once. A sync takes about a second and at
/// least four callouts, and Stripe's API accepts 100 requests a second, so no burst of genuine deliveries
/// gets this large. Stripe retries a delivery that is refused for this reason.
const DELIVERIES_MAX: usize = 512;

/// The maximum number of bytes of header fields and bodies that a worker thread holds at once. Most events
/// have less than 10 KB.
const DELIVERY_BYTES_MAX: usize = 16 << 20;

/// The state that deliveries of one source share in one worker thread.
#[derive(Debug)]
pub struct WebhookWorker<S> {
    pub(super) source: S,
    pub(super) endpoint: Endpoint,
    pub(super) sync: SyncState,
    pub(super) held: HeldRequests,
    /// Limits the log lines about refused signatures.
    pub(super) refusal_logged: LogLimit,
    /// Limits the log lines about deliveries that were refused because of the limits.
    pub(super) overload_logged: LogLimit,
}

/// The webhook endpoint of a source.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// The exact path of the endpoint.
    pub(super) path: String,
    /// Whether the filter responds itself or forwards the event to the upstream.
    pub(super) mode: Mode,
    /// The maximum length of a body, in bytes.
    pub(super) body_bytes_max: usize,
}

impl Endpoint {
    /// Creates the endpoint from its settings.
    pub(super) fn new(settings: &EndpointSettings) -> Self {
        Endpoint { path: settings.path.clone(), mode: settings.mode, body_bytes_max: settings.body_bytes_max }
    }
}

impl<S> WebhookWorker<S> {
    /// Creates a worker of this source with the given endpoint and sync state.
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
        metrics::definitions(&S::LABELS)
    }
}
