//! Clerk's Backend API: requests, metadata, and lists of users and organizations; Clerk Billing; the plan in
//! the claims of a session token; and events with their signatures.

pub mod api;
pub mod billing;
pub mod event;
pub(crate) mod instance;
pub mod metadata;
pub(crate) mod numeric_date;
pub(crate) mod plan_claim;
pub mod plan_source;
pub mod signature;
pub mod signing_key;
pub mod user_list;
