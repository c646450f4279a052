//! The way of a guarded request through the gateway: who calls, by which plan, and whether there is room.
//!
//! [`GateRequest`] is the machine of one request. It finds the rule ([`rules`]) and the caller ([`crate::auth`],
//! [`caller`]), judges by the plan ([`judgement`]), counts ([`store`]), asks Clerk where a refusal may be out of date
//! ([`confirm`]), and responds ([`answer`], [`refusal`]); at the usage path it only reads ([`usage`]). [`GateWorker`] is what
//! the requests of a worker thread share.

mod answer;
mod caller;
mod client_address;
mod confirm;
mod judgement;
mod metrics;
mod principal;
mod redirect;
mod refusal;
mod request;
mod rules;

mod store;
mod usage;
mod worker;

pub use request::GateRequest;
pub use worker::{GateError, GateWorker};
