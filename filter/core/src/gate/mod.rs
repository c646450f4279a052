//! The rules of the gate: authenticates a request, checks the caller's plan, and counts the request against
//! its limit.
//!
//! [`GateRequest`] is the machine of one request. It finds the rule ([`rules`]) and the caller
//! ([`crate::auth`], [`caller`]), decides by the plan ([`decision`]), counts ([`store`]), reads Clerk's own
//! record if a refusal may be out of date ([`confirm`]), and forwards or responds ([`response`],
//! [`refusal`]). At the usage path it only reads counters ([`usage`]). [`GateWorker`] is the state that the
//! requests of a worker thread share.

mod caller;
mod client_address;
mod confirm;
mod decision;
#[cfg(test)]
pub(crate) mod examples;
mod metrics;
mod missing_plan_claim;
mod principal;
mod redirect;
mod refusal;
mod request;
mod response;
mod rules;

mod store;
mod usage;
mod worker;

pub use missing_plan_claim::session_token_template;
pub use refusal::refusal_codes;
pub use request::GateRequest;
pub use worker::{GateError, GateWorker};
