//! The owner of a subscription, and the recorded customers of an owner.

mod custom_ids;
mod many_customers;
mod metadata;
mod notes;
