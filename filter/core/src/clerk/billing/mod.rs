//! Clerk Billing: the billing subscription of a user or an organization, and the plan that it grants.
//!
//! Clerk Billing's plans are not subscriptions at Stripe, although the money goes through a Stripe account.
//! A subject has at most one billing subscription, whose items each have a plan
//! (<https://clerk.com/docs/guides/billing/overview>).

mod alarm;
mod grant;
pub mod item_list;
mod request;
mod subscription;
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;

pub(crate) use alarm::ClerkPlanAlarm;
pub(crate) use grant::{ClerkPlanRules, ClerkResolution, ItemDetails, SoldItem};
pub(crate) use request::BillingRead;
pub use subscription::{ClerkItem, ClerkItemStatus, ClerkSubscription, UnreadableSubscription};
