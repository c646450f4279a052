//! The billing endpoints: checkout, portal, changes, and invoices at the gateway, so that a team sells plans
//! without billing code of its own.
//!
//! [`request`] is the machine of one request: it finds the caller and reads the body, then runs an endpoint
//! ([`effects`]). Each endpoint is a file. [`customer`], [`owned`], and [`pending`] decide which subject a
//! customer or a subscription belongs to; [`prices`] and [`views`] are caches of a worker.

mod caller;
mod cancel;
mod change;
mod checkout;
mod checkout_sessions;
mod code;
mod context;
mod customer;
mod effects;
mod error;
#[cfg(test)]
pub(crate) mod examples;
mod invoices;
mod members;
mod metrics;
mod owned;
mod payment;
mod pending;
mod plans;
mod portal;
mod prices;
mod rate_limit;
mod request;
mod response;
mod resume;
mod route;
mod running;
mod scheduled_change;
mod start;
mod subscription;
mod urls;
mod view;
mod views;
mod worker;

pub use request::BillingRequest;
pub use worker::{BillingWorker, BillingWorkerError};
