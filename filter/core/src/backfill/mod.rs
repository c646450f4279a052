//! Whom to bring in line when no event tells: for the `tollgate` command. It lands in no module.
//!
//! A [`Census`] finds who there is, and a [`Reconciliation`] is the sync of one of them.

mod census;
mod census_result;
mod error;
mod reconciliation;

pub use crate::sync::{RecordChange, SubjectStatus, SyncState};
pub use census::Census;
pub use census_result::{Candidate, CensusCounts, CensusResult, Scope};
pub use error::{BackfillError, BackfillErrorCode};
pub use reconciliation::{
    Conclusion, Intent, NotedOwner, Reconciliation, ReconciliationStep, SubjectOutcome, Target,
};
