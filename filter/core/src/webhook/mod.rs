//! A delivery of an event on its way through the gateway.
//!
//! [`StripeDelivery`] is the machine of one HTTP request: it holds the body, has its source verify it, and
//! lets a sync bring Clerk in line with Stripe. An event is never applied: it only says whose state may have
//! changed. [`StripeWorker`] is what the requests of a worker thread share. A second sender of events is a
//! second folder in `source`, and a file like `stripe.rs`.

mod arrival;
mod delivery;
mod metrics;
mod receipt;
mod refusal;
mod remembered_events;
mod result;
mod source;
mod stripe;
mod worker;

pub use stripe::{StripeDelivery, StripeWorker};
