//! The way of a guarded request through the gateway: who calls, by which plan, and whether there is room.
//!
//! [`Passage`] is the machine of one request. It finds the rule ([`rules`]), the caller
//! ([`authentication`], [`keyring`], [`caller`]), judges by the plan ([`judgement`]), counts ([`counting`]), asks Clerk where a refusal may be out of date ([`confirm`]) and answers
//! ([`answer`], [`refusal`]); at the usage path it only reads ([`usage`]). [`Worker`] is what the requests of a worker thread share.

mod answer;
mod authentication;
mod cache;
mod caller;
mod client_address;
mod confirm;
mod cors;
mod inquiries;
mod judgement;
mod keyring;
mod metrics;
mod passage;
mod redirect;
mod refusal;
mod rules;
mod spender;
mod store;
mod usage;
mod worker;

#[cfg(test)]
mod tests;

pub use passage::Passage;
pub use worker::{GateError, Worker};
