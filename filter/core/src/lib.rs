//! Tollgate's rules, without I/O: they decide what happens next, from the time and an input.
//!
//! This crate does not use proxy-wasm, a clock, random numbers, or a log. A [`Machine`] takes an [`Input`]
//! and returns a [`Step`]: one [`Action`] for its host to perform, and reports for the log and the metrics.
//! The same machines run in Envoy (with two ABIs), in the `tollgate` command, and in tests.
#![forbid(unsafe_code)]

pub mod alarm;
pub mod auth;
pub mod backfill;
pub mod billing;
mod cancellation;
pub mod clerk;
mod codes;
pub mod config;
mod cors;
#[cfg(test)]
mod examples;
pub mod gate;
mod held;
pub mod http;
pub mod identity;
pub mod ids;
mod inquiries;
pub mod inspection;
mod json;
mod log_limit;
pub mod machine;
mod override_fields;
mod path;
pub mod plan_table;
pub mod problem;
pub mod protobuf;
pub mod quota;
pub mod report;
pub mod secret;
mod shared;
pub mod signing_time;
pub mod sorted;
pub mod stripe;
mod sync;
pub mod time;
mod unsigned;
pub mod upstream;
mod web_origin;
pub mod webhook;

pub use machine::{Action, CallId, Input, InquiryId, Machine, Step};
