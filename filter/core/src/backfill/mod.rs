//! Finds and syncs subjects without an event, for the `tollgate` command. No Wasm module contains this code.
//!
//! A [`Census`] finds the subjects, and a [`Reconciliation`] syncs one of them.

mod census;
mod census_result;
mod error;
mod reconciliation;

pub use crate::sync::{RecordChange, SubjectStatus, SyncState, UnownedSubscription};
pub use census::Census;
pub use census_result::{Candidate, CensusCounts, CensusResult, Scope};
pub use error::{BackfillError, BackfillErrorCode};
pub use reconciliation::{
    Conclusion, Intent, NotedOwner, Reconciliation, ReconciliationStep, SubjectOutcome, Target,
};
