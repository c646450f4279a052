//! Updates Clerk's records from the sources of plans, Stripe and Clerk Billing, for every subject (user or
//! organization) whose state may have changed.
//!
//! A [`Trigger`] starts a sync. [`PlanSync`] performs it, and [`RecordedSync`] adds its audit. [`discovery`]
//! finds the subjects, [`ownership`] determines the owner of a subscription, [`subject`] syncs the record of
//! one subject, and [`audit`] logs each change once. Nothing here depends on what started the sync.

mod api_request;
pub(crate) mod audit;
mod cache;
mod changed_subjects;
mod deadline;
mod discovery;
mod engine;
mod error;
#[cfg(test)]
pub(crate) mod examples;
mod findings;
mod metrics;
mod ownership;
mod recorded_sync;
mod state;
mod subject;
mod trigger;

pub(crate) use api_request::{
    ApiRequest, ListSessions, ListSubscriptions, NoteOwner, ReadRecord, RetrieveSubscription, SearchSubject,
    SessionsResponse, SubscriptionResponse, object_in,
};
pub(crate) use changed_subjects::ChangedSubject;
pub(crate) use deadline::Deadline;
pub(crate) use engine::{PlanSync, SyncProgress, SyncResult};
pub(crate) use error::{Service, SyncError};
pub use findings::UnownedSubscription;
pub(crate) use metrics::SyncMetrics;
pub(crate) use ownership::{
    Claims, NamedSubject, OwnerNote, SessionClaims, Via, is_created_by_tollgate, named_before, named_in,
    named_in_event,
};
pub(crate) use recorded_sync::{RecordedSync, SyncEnd, SyncStep};
pub use state::SyncState;
pub(crate) use subject::{OwnedSubscription, SubjectAccount};
pub use subject::{RecordChange, SubjectStatus};
pub(crate) use trigger::{Trigger, TriggerObject};
