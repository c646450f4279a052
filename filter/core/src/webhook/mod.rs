//! A delivery of an event on its way through the gateway.
//!
//! [`Delivery`] is the machine of one HTTP request: it holds the body, verifies it, and lets [`crate::sync`] bring Clerk in
//! line with Stripe. An event is never applied: it only says whose state may have changed. [`Worker`] is what the requests of
//! a worker thread share.

mod delivery;
mod metrics;
#[cfg(test)]
mod model;
mod remembered_events;
mod worker;

pub use delivery::Delivery;
pub use worker::Worker;
