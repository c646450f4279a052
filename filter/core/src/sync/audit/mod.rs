//! The audit: each change of a subject's record, written down once by all workers of a process. And the
//! alarms.

mod action;
mod alarms;
mod dedup;
mod lines;
mod recorder;

pub(crate) use action::audit_entry;
pub(crate) use alarms::{alarms, ending_alarms, sync_failed};
pub(crate) use lines::{change, payment_failed};
pub(crate) use recorder::{AuditRecorder, RecorderProgress};
