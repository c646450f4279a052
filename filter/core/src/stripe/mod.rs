//! Stripe: webhook signatures, events, API requests and responses, and the plan that subscriptions pay for.

pub mod api;
pub mod checkout_session;
pub mod customer;
pub mod event;
pub mod invoice;
pub mod object;
pub mod outcome;
pub(crate) mod plan;
pub mod product;
pub mod search;
pub mod signature;
pub mod subscription;
mod wire;

pub use wire::PAGE_OBJECTS_MAX;
