//! Whom a census is of, and what it finds.

use super::error::BackfillError;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::sorted::SortedSet;
use crate::sync::{Service, SyncError};

/// Whom a census is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everyone.
    All,
    /// One user or organization.
    Subject(Subject),
}

/// Somebody to bring in line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub subject: Subject,
    /// The customers that may hold subscriptions of theirs.
    pub customers: SortedSet<CustomerId>,
    /// Whether Stripe's metadata name them, and not only a payer's own choice or Clerk's record.
    pub trusted: bool,
}

/// What a census found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CensusResult {
    /// Everyone to bring in line, in the order of their ids.
    pub candidates: Vec<Candidate>,
    /// Live subscriptions that name nobody, and their customers.
    pub unowned: Vec<(SubscriptionId, CustomerId)>,
    /// Ids that do not look like Stripe's or Clerk's; they were left out.
    pub skipped: Vec<String>,
    /// What was read.
    pub counts: CensusCounts,
    /// How many of the candidates Stripe's metadata name and Clerk has: what shows that the two belong
    /// together. Nothing after a census of one subject.
    pub(crate) in_both: usize,
}

impl CensusResult {
    /// Returns the same, in which a plan of which nobody knows the origin is to end as one does that Stripe
    /// no longer pays for.
    ///
    /// # Errors
    /// After a census of everyone in which Stripe's metadata name nobody whom Clerk has: then the API key may
    /// be of another account, and every plan without a record would end.
    pub fn ending_unrecorded(mut self, scope: &Scope) -> Result<Self, BackfillError> {
        if *scope == Scope::All && self.in_both == 0 && !self.candidates.is_empty() {
            let detail = "Stripe's metadata name nobody whom Clerk has: the API key may be of another account or mode, and \
                          every plan given by hand would end; if it is the right one, end them by `--subject`"
                .to_owned();
            let error = SyncError::Credentials { service: Service::Stripe };
            return Err(BackfillError { detail, ..BackfillError::from(&error) });
        }
        self.candidates.iter_mut().for_each(|candidate| candidate.trusted = true);
        Ok(self)
    }
}

/// How far a census has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CensusCounts {
    /// Subscriptions read.
    pub subscriptions: usize,
    /// Users read.
    pub users: usize,
    /// Organizations read.
    pub organizations: usize,
    /// Subscriptions whose Checkout Session is to be looked up yet.
    pub lookups_left: usize,
}
