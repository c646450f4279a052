//! Inspects a document against the accounts at Stripe and Clerk, for the `tollgate` command: finds what would
//! go wrong after going live. It only reads. No Wasm module contains this code.
//!
//! An [`AccountReading`] reads what the checks need, a [`SubjectSample`] collects what a rehearsed sync of
//! some subjects shows, and [`inspect`] makes the checks.

mod account;
mod check;
mod checks;
mod document;
mod read_error;
mod reading;
mod request;
mod sample;

pub use check::{CheckLevel, CheckName, CheckResult};
pub use checks::inspect;
pub use document::InspectedDocument;
pub use reading::{AccountReading, Accounts};
pub use sample::{SAMPLE_PAGES_MAX, SubjectSample};

/// What is inspected.
#[derive(Debug)]
pub struct Inspection<'a> {
    /// The document.
    pub document: &'a InspectedDocument,
    /// The gateway's URL, without a path: `https://gateway.example.com`.
    pub gateway_url: &'a str,
    /// What was read of the accounts.
    pub accounts: &'a Accounts,
    /// The subjects that were compared; `None` if the document syncs none.
    pub sample: Option<&'a SubjectSample>,
    /// How many seconds this machine's clock is ahead of Stripe's (negative: behind); `None` if no response
    /// shows it.
    pub clock_ahead_s: Option<i64>,
}
