//! Tests of the gate from a request's header fields to its response: no Envoy, a fixed time, real signatures.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod authentication;
mod confirm;
mod confirm_billing;
mod cookies;
mod fixture;
mod host;
mod identity;
mod keys;
mod protobuf;
mod quota;
mod ratelimit;
mod ratelimit_races;
mod redirects;
mod rules;
mod service;
mod usage;

use fixture::{configuration, gate, gate_with};
use host::{GateResult, Host, get, post, token};
