//! The audit: each change of a subject's record, written down once by all workers of a process.

mod dedup;
mod lines;
mod recorder;

pub(crate) use lines::{alarm, alarms, before, ending_alarms, payment_failed, sync_failed, told};
pub(crate) use recorder::AuditRecorder;
