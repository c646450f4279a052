//! Clerk's Backend API: requests, metadata, and lists of users and organizations; the plan in the claims of a
//! session token; and the key that signs Clerk's events.

pub mod api;
pub mod metadata;
pub(crate) mod numeric_date;
pub(crate) mod plan_claim;
pub mod signing_key;
pub mod user_list;
