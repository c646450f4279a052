//! Reads Clerk's own record before a refusal that a higher plan would lift, so that an upgrade takes effect
//! at once although the token still has the old plan.
//!
//! [`Confirming`] is the state machine of one request. Each worker thread caches its [`Confirmations`], so
//! that further requests with the same stale token need no host call. The process keeps [`shared_records`] in
//! shared data, so that all workers together stay below the limit of requests to Clerk, and use each other's
//! results before they refuse. For a request that the token's own plan allows, only the worker's cache is
//! read, because it may also lower the plan.

mod confirmations;
mod confirming;
mod plan_read;
mod record;
mod shared_records;

pub(super) use confirmations::{Confirmation, Confirmations};
pub(super) use confirming::{ConfirmProgress, Confirming};
pub(super) use record::ConfirmRequest;
