//! The harness of the model: Stripe and Clerk in memory, a gateway between them, and the code that runs one
//! delivery, the command, or a random schedule.

pub(crate) mod changes;
mod clerk;
mod command;
mod delivery_run;
pub(crate) mod expected;
pub(crate) mod final_state;
mod gateway;
mod history;
mod model;
mod response;
mod schedule;
mod stripe;
mod world;

pub(crate) use changes::SUBJECTS;
pub(crate) use clerk::{FakeItem, LISTED_CUSTOMERS_MAX};
pub(crate) use delivery_run::{DeliveryEnd, DeliveryRun, WebhookRequest, signature, signed, signed_by_clerk};
pub(crate) use gateway::{
    Replica, document, document_with_both_sources, document_with_clerk_billing_alone, document_with_plans,
};
pub(crate) use model::{Delivered, Model, is_to};
pub(crate) use response::FakeResponse;
pub(crate) use schedule::Schedule;
pub(crate) use stripe::{
    FORMER_MARK_KEY, FakeMetadata, FakePrice, OWNER_FROM_KEY, OWNER_KEY, Presence, Stripe, metadata,
};
pub(crate) use world::{START_S, World, changes_something, parts};
