//! Clerk Billing: plans, the billing subscription of each user and organization, and the events of their
//! changes.
//!
//! Every payer has one subscription, whose items each have a plan. The item of the free default plan is
//! always the same. A higher plan begins at once, a lower one and a cancellation wait for the end of the
//! period.

mod actions;
mod endpoints;
mod events;
mod model;
mod objects;
#[cfg(test)]
mod tests;

pub(super) use endpoints::{list_items, subscription_of};
pub use events::{ClerkEvent, INSTANCE, signed_fields};
pub(super) use model::BillingState;
pub use model::{BillingItem, BillingPlan, BillingSwitch};
