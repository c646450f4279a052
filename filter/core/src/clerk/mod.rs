//! Clerk's Backend API: requests, metadata, and lists of users and organizations; and the plan in the claims
//! of a session token.

pub mod api;
pub mod metadata;
pub(crate) mod numeric_date;
pub(crate) mod plan_claim;
pub mod user_list;
