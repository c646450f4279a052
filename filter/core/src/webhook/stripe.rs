//! Deliveries of Stripe's events: the machine and the worker of the filter `stripe_webhook`.

use super::delivery::Delivery;
use super::source::stripe::StripeSource;
use super::worker::{Endpoint, WebhookWorker};
use crate::config::{Configuration, StripeWebhookSettings};
use crate::sync::SyncState;

/// A delivery of one of Stripe's events.
pub type StripeDelivery = Delivery<StripeSource>;

/// The state that deliveries of Stripe's events share in one worker thread.
pub type StripeWorker = WebhookWorker<StripeSource>;

impl StripeWorker {
    /// Creates a worker from the configuration.
    pub fn new(configuration: Configuration<StripeWebhookSettings>) -> Self {
        let section = &configuration.section;
        let source = StripeSource::new(section);
        let endpoint = Endpoint::new(&section.endpoint);
        WebhookWorker::with_source(
            source,
            endpoint,
            SyncState::new(configuration.map_section(|section| section.sync)),
        )
    }
}
