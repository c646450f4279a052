//! The way of a guarded request through the gateway: who calls, by which plan, and whether there is room.

mod cache;
mod caller;
mod cors;
mod metrics;
mod path;
mod refusal;
mod rules;
