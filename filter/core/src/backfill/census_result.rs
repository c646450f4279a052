//! The scope and the result of a census.

use super::error::BackfillError;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::sorted::SortedSet;

/// The scope of a census.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All users and organizations.
    All,
    /// Those in the first pages of each list.
    Sample {
        /// The maximum number of pages to read of each list.
        pages_max: usize,
    },
    /// One user or organization.
    Subject(Subject),
}

/// A subject to sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The user or organization.
    pub subject: Subject,
    /// The customers that may hold the subject's subscriptions.
    pub customers: SortedSet<CustomerId>,
    /// Whether Stripe's metadata names the subject, rather than only a payer's choice or Clerk's record.
    pub trusted: bool,
    /// The number of live subscriptions that name the subject.
    pub live_subscriptions: usize,
}

/// The result of a census.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CensusResult {
    /// The subjects to sync, sorted by id.
    pub candidates: Vec<Candidate>,
    /// Live subscriptions without an owner, and their customers.
    pub unowned: Vec<(SubscriptionId, CustomerId)>,
    /// Ids that do not have the form of Stripe's or Clerk's ids; they were skipped.
    pub skipped: Vec<String>,
    /// The numbers of objects that were read.
    pub counts: CensusCounts,
    /// The number of candidates that Stripe's metadata names, or that pay by Clerk Billing, and that Clerk
    /// has, which shows that the accounts belong together. 0 after a census of one subject.
    pub(crate) in_both: usize,
}

impl CensusResult {
    /// Trusts all candidates, so that the sync also removes plans of unknown origin, in the same way as plans
    /// whose subscription has ended.
    ///
    /// # Errors
    /// [`BackfillError`] after a census of all subjects if Stripe's metadata names none that Clerk has: the API key may
    /// belong to another account, and every plan without a recorded subscription would be removed.
    pub fn ending_unrecorded(mut self, scope: &Scope) -> Result<Self, BackfillError> {
        if *scope == Scope::All && self.in_both == 0 && !self.candidates.is_empty() {
            let detail = "Stripe's metadata names no subject that Clerk has: the API key may belong to another account or mode, and \
                          every manually granted plan would be removed; if the key is right, remove them with `--subject`"
                .to_owned();
            return Err(BackfillError::of_other_account(detail));
        }
        self.candidates.iter_mut().for_each(|candidate| candidate.trusted = true);
        Ok(self)
    }
}

/// The progress of a census.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CensusCounts {
    /// The number of subscriptions read.
    pub subscriptions: usize,
    /// The number of users read.
    pub users: usize,
    /// The number of organizations read.
    pub organizations: usize,
    /// The number of items of Clerk Billing read.
    pub billing_items: usize,
    /// The number of subscriptions whose Checkout Sessions are still to be read.
    pub lookups_left: usize,
}
