//! Cancels the Stripe subscriptions of a user or an organization that was deleted at Clerk.
//!
//! A [`Deletion`] starts a [`SubjectCancellation`]. Clerk no longer has the subject's record, so Stripe's
//! search finds the subscriptions, and the owner of each is determined as for a sync. Nothing here updates a
//! record at Clerk.

#[cfg(test)]
pub(crate) mod examples;
mod lines;
mod outcomes;
mod request;
mod subject_cancellation;
#[cfg(test)]
mod tests;
mod verdict;

pub(crate) use subject_cancellation::{
    CancellationEnd, CancellationResult, CancellationStep, Deletion, SubjectCancellation,
};
