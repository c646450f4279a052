//! The audit, which logs each change of a subject's record once per process, and the alarms of a sync.

mod action;
mod alarms;
mod dedup;
mod lines;
mod recorder;

pub(crate) use action::audit_entry;
pub(crate) use alarms::{TriggerIds, alarms, ending_alarms, sync_failed};
pub(crate) use lines::{change, payment_failed};
pub(crate) use recorder::{AuditRecorder, RecorderProgress};
