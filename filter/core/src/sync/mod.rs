//! Brings Clerk in line with Stripe for everyone whose state may have changed.
//!
//! A [`Trigger`] says whose. [`PlanSync`] is the whole of it, and [`RecordedSync`] that together with its
//! audit. [`discovery`] finds whom it concerns, [`ownership`] says whose a subscription is, [`subject`]
//! brings the record of one of them in line, and [`audit`] writes down each change once. Nothing here knows
//! what has started a sync.

mod api_request;
pub(crate) mod audit;
mod cache;
mod deadline;
mod discovery;
mod engine;
mod error;
mod findings;
mod metrics;
mod ownership;
mod recorded_sync;
mod state;
mod subject;
mod trigger;

pub(crate) use api_request::{ApiRequest, ListSessions, NoteOwner, SessionsResponse, found};
pub(crate) use deadline::Deadline;
pub(crate) use engine::{PlanSync, SyncProgress, SyncResult};
pub(crate) use error::{Service, SyncError};
pub(crate) use metrics::SyncMetrics;
pub(crate) use ownership::{
    Claims, NamedSubject, OwnerNote, SessionClaims, Via, named_before, named_in, named_in_event,
};
pub(crate) use recorded_sync::{RecordedSync, SyncEnd, SyncStep};
pub use state::SyncState;
pub use subject::{RecordChange, SubjectStatus};
pub(crate) use trigger::{About, Trigger};
