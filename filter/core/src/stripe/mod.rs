//! What Stripe sends and answers: signatures, events, subscriptions.

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
