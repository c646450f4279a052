//! The way of a guarded request through the gateway: who calls, by which plan, and whether there is room.
//!
//! [`GateRequest`] is the machine of one request. It finds the rule ([`rules`]) and the caller ([`crate::auth`],
//! [`caller`]), judges by the plan ([`decision`]), counts ([`store`]), asks Clerk where a refusal may be out of date
//! ([`confirm`]), and responds ([`response`], [`refusal`]); at the usage path it only reads ([`usage`]). [`GateWorker`] is what
//! the requests of a worker thread share.

mod caller;
mod client_address;
mod confirm;
mod decision;
mod metrics;
mod principal;
mod redirect;
mod refusal;
mod request;
mod response;
mod rules;

mod store;
mod usage;
mod worker;

pub use request::GateRequest;
pub use worker::{GateError, GateWorker};
