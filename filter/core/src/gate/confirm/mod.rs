//! Clerk's own record, asked before a refusal that a higher plan would lift: an upgrade counts at once, though the
//! token still names the old plan.
//!
//! [`Confirming`] is one request's way to an answer. What a worker thread learned is in its [`Confirmations`], so that a
//! request with a stale token costs no host call more; what the process has asked and learned is in a [`shared_records`] of
//! shared data, so that all workers together keep to the number of questions, and one learns from another before it
//! refuses. Neither is ever looked at for a request that the token's own plan allows, save the memory, which may
//! lower a plan too.

mod confirming;
mod memory;
mod record;
mod shared_records;

pub(super) use confirming::{ConfirmProgress, Confirming};
pub(super) use memory::{Confirmation, Confirmations};
