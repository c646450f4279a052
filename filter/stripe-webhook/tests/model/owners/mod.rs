//! Who owns a subscription, and which customers are recorded for it.

mod custom_ids;
mod many_customers;
mod metadata;
mod notes;
