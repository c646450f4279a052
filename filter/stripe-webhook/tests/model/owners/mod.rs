//! Whose a subscription is, and which customers are remembered for it.

mod custom_ids;
mod many_customers;
mod metadata;
mod notes;
