//! Whom to bring in line when no event tells: for the `tollgate` command. It lands in no module.
//!
//! A [`Census`] finds who there is, and a [`Reconciliation`] is the sync of one of them.

mod census;
mod reconciliation;

pub use crate::sync::{Change, SubjectStatus, SyncState};
pub use census::{Candidate, Census, CensusCounts, CensusResult, Scope};
pub use reconciliation::{
    BackfillError, Conclusion, Intent, NotedOwner, Reconciliation, ReconciliationStep, SubjectOutcome, Target,
};
