//! Stripe and Clerk in memory, a gateway between them, and what drives it: one delivery, the command, random schedules.

pub(crate) mod changes;
mod clerk;
mod command;
pub(crate) mod expected;
pub(crate) mod final_state;
mod gateway;
mod history;
mod model;
mod random;
mod response;
mod schedule;
mod stripe;
mod world;

pub(crate) use changes::SUBJECTS;
pub(crate) use clerk::LISTED_CUSTOMERS_MAX;
pub(crate) use gateway::{
    End, Passage, Replica, Sending, SharedData, configuration, configuration_of, signature, signed,
};
pub(crate) use model::{Bench, Delivered, is_to};
pub(crate) use random::Random;
pub(crate) use response::FakeAnswer;
pub(crate) use schedule::Schedule;
pub(crate) use stripe::{
    FORMER_MARK_KEY, FakeMetadata, FakePrice, OWNER_FROM_KEY, OWNER_KEY, Presence, Stripe, metadata,
};
pub(crate) use world::{Ending, ModelWorld, START_S, changes_something, parts};
