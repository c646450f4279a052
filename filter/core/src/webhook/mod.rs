//! Deliveries of events to the gateway's webhook endpoint.
//!
//! [`StripeDelivery`] and [`ClerkDelivery`] are the machine of one HTTP request: it holds the body, lets its source
//! verify it, and starts a sync that updates Clerk's metadata. The content of an event is never applied: the
//! event only identifies the subjects whose state may have changed. The requests of a worker thread share a
//! [`StripeWorker`] or a [`ClerkWorker`]. To support another sender of events, add a folder in `source`, a file like
//! `stripe.rs`, a section in `config/sections.rs`, the prefix of its header fields in `identity.rs`, and a
//! filter crate.

mod clerk;
mod delivery;
mod event_process;
#[cfg(test)]
pub(crate) mod examples;
mod metrics;
mod receipt;
mod refusal;
mod remembered_events;
mod request_kind;
mod result;
mod source;
mod stripe;
mod worker;

pub use clerk::{ClerkDelivery, ClerkWorker};
pub use stripe::{StripeDelivery, StripeWorker};
