//! The sync of one subject: computes the target of Clerk's record and writes it, in rounds.

mod account;
mod clerk_state;
mod customer_list;
mod paid_plans;
mod request;
mod source_plan;
mod stripe_state;
mod subject_sync;
mod target_plan;
mod target_record;

pub(crate) use account::{OwnedSubscription, SubjectAccount};
pub(crate) use request::SubjectRequest;
pub use subject_sync::{RecordChange, SubjectStatus};
pub(in crate::sync) use subject_sync::{SubjectPurpose, SubjectSync};
