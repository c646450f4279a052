//! What the webhook deliveries of one worker thread share.

use super::metrics;
use crate::config::{Configuration, Webhook};
use crate::held::HeldRequests;
use crate::log_limit::LogLimit;
use crate::report::{MetricDefinition, Metrics};
use crate::sync::SyncState;

/// How many deliveries a worker thread holds at once, until their bodies are complete and judged. A sync takes about a
/// second and at least four callouts, and Stripe's API takes 100 requests a second, so that no burst of true deliveries is
/// so large. Stripe retries a delivery that is refused for that reason.
pub(crate) const DELIVERIES_MAX: usize = 512;

/// How many bytes of header fields and bodies a worker thread holds at once. Most events have less than 10 KB.
pub(crate) const DELIVERY_BYTES_MAX: usize = 16 << 20;

/// What the webhook deliveries of one worker thread share: configuration, and products read lately.
#[derive(Debug)]
pub struct Worker {
    pub(crate) config: Webhook,
    pub(crate) sync: SyncState,
    pub(crate) held: HeldRequests,
    /// Limits the lines about refused signatures.
    pub(crate) refusal_logged: LogLimit,
    /// Limits the lines about deliveries that were not held because too much was.
    pub(crate) overload_logged: LogLimit,
}

impl Worker {
    /// A worker of this configuration.
    pub fn new(configuration: Configuration<Webhook>) -> Self {
        let config = configuration.section.clone();
        Worker {
            config,
            sync: SyncState::new(configuration.map_section(|section| section.sync)),
            held: HeldRequests::at_most(DELIVERIES_MAX, DELIVERY_BYTES_MAX),
            refusal_logged: LogLimit::default(),
            overload_logged: LogLimit::default(),
        }
    }
}

impl Metrics for Worker {
    fn metrics(&self) -> Vec<MetricDefinition> {
        metrics::definitions()
    }
}
