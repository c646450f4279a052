//! Invoices.

use super::StripeMetadata;

/// An invoice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invoice {
    /// `in_…`
    pub id: String,
    /// The creation time in Unix seconds; 0 stands for the time at which it is put.
    pub created: i64,
    /// The customer's id.
    pub customer: String,
    /// The subscription that it bills.
    pub subscription: Option<String>,
    /// `draft`, `open`, `paid`, `uncollectible` or `void`.
    pub status: String,
    /// `subscription_create`, `subscription_cycle`, `subscription_update`, `manual` …
    pub billing_reason: String,
    /// How often payment was attempted.
    pub attempt_count: u32,
    /// When it will be attempted again (Unix seconds); `None` if there are no more attempts.
    pub next_payment_attempt: Option<i64>,
    /// The amount in cents of US dollars.
    pub amount_due: i64,
    /// Its metadata.
    pub metadata: StripeMetadata,
}

impl Invoice {
    /// Returns an open invoice of a subscription's renewal.
    pub fn new(id: &str, customer: &str, subscription: &str) -> Self {
        Invoice {
            id: id.to_owned(),
            customer: customer.to_owned(),
            subscription: Some(subscription.to_owned()),
            status: "open".to_owned(),
            billing_reason: "subscription_cycle".to_owned(),
            amount_due: 2000,
            ..Invoice::default()
        }
    }

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        status.clone_into(&mut self.status);
        self
    }

    /// Sets the reason.
    #[must_use]
    pub fn billing_reason(mut self, reason: &str) -> Self {
        reason.clone_into(&mut self.billing_reason);
        self
    }

    /// Sets the number of failed attempts, and the time of the next.
    #[must_use]
    pub fn attempts(mut self, count: u32, next: Option<i64>) -> Self {
        (self.attempt_count, self.next_payment_attempt) = (count, next);
        self
    }
}
