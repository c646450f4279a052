//! Deliveries of Clerk's events: the machine and the worker of the filter `clerk_webhook`.

use super::delivery::Delivery;
use super::source::clerk::ClerkSource;
use super::worker::{Endpoint, WebhookWorker};
use crate::config::{ClerkWebhookSettings, Configuration};
use crate::sync::SyncState;

/// A delivery of one of Clerk's events.
pub type ClerkDelivery = Delivery<ClerkSource>;

/// The state that deliveries of Clerk's events share in one worker thread.
pub type ClerkWorker = WebhookWorker<ClerkSource>;

impl ClerkWorker {
    /// Creates a worker from the configuration.
    pub fn new(configuration: Configuration<ClerkWebhookSettings>) -> Self {
        let section = &configuration.section;
        let (source, endpoint) = (ClerkSource::new(section), Endpoint::new(&section.endpoint));
        let sync = SyncState::new(configuration.map_section(|section| section.sync));
        WebhookWorker::with_source(source, endpoint, sync)
    }
}
