//! Stripe: webhook signatures, events, API requests and responses, and the plan that subscriptions pay for.

pub mod api;
mod billing_api;
pub mod checkout_session;
pub mod customer;
pub mod event;
pub(crate) mod hosted_session;
mod inspection_api;
pub mod invoice;
pub(crate) mod invoice_list;
pub mod object;
pub mod outcome;
pub(crate) mod plan;
pub(crate) mod portal_configuration;
pub mod price;
pub mod product;
pub(crate) mod schedule;
pub mod search;
pub mod signature;
pub mod subscription;
pub(crate) mod webhook_endpoint;
mod wire;
pub(crate) mod write;

pub use wire::PAGE_OBJECTS_MAX;
