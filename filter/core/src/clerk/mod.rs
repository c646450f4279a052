//! What Clerk's Backend API answers: metadata, lists of users and organizations; and the plan that a session
//! token's claims name, wherever their owner put it.

pub mod api;
pub mod metadata;
pub(crate) mod numeric_date;
pub(crate) mod plan_claim;
pub mod user_list;
