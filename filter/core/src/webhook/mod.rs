//! The way of a Stripe event through the gateway.
//!
//! [`Delivery`] is the machine of one HTTP request: it holds the body, verifies it, and lets a [`sync::Sync`] bring
//! Clerk in line with Stripe. An event is never applied: it only says whose state may have changed. [`discovery`]
//! finds whom it concerns, [`subject_sync`] brings the record of each in line, [`reckoning`] says what it should be,
//! [`target_plan`] which plan, [`paid`] what each subscription granted when it was last paid, [`owner`] whose a
//! subscription is, [`note`] what is noted of that, and [`target`] which customers to keep in mind. [`Worker`] is what the
//! requests of a worker thread share. A [`Reconciliation`] is the same sync without an event, and a [`Census`] finds who is
//! to be brought in line: that is for the `tollgate` command, and lands in no module.

mod asks;
mod audit;
mod auditing;
mod cache;
mod census;
mod deadline;
mod delivery;
mod discovery;
mod facts;
mod memory;
mod metrics;
#[cfg(test)]
mod model;
mod note;
mod owner;
mod paid;
mod reckoning;
mod reconciliation;
mod subject_sync;
mod sync;
mod target;
mod target_plan;
mod told;
mod trigger;
mod trouble;
mod worker;

pub use census::{Candidate, Census, Counts, Inquiry, People};
pub use delivery::Delivery;
pub use reconciliation::{Conclusion, Failure, Intent, Name, Next, Reconciliation, Standing, Whom};
pub use subject_sync::{Change, End};
pub use worker::Worker;
