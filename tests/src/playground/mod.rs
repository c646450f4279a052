//! The playground: the shipped configuration on a real Envoy, with pages for a person with a browser.
//!
//! Everything is at the origin of the gateway: the pages (`playground/`) and `/ask` are served by
//! `tests/backend/playground.py`, the billing endpoints by Tollgate, and `/playground/api/` by this
//! process. That API is no part of Tollgate: it shows what happens behind the gateway, and causes failures. Stripe
//! and Clerk are fakes.

mod access_log;
mod api;
mod audit_log;
mod command;
mod configuration;
mod counters;
mod deliveries;
mod history;
mod log_tail;
mod observers;
mod people;
mod setup;
mod state;
mod worker_crash;

pub use command::run;
pub use setup::Playground;
