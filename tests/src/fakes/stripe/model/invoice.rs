//! Invoices.

use super::StripeMetadata;

/// A line of an invoice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InvoiceLine {
    /// In the smallest unit of the currency; negative for a credit.
    pub amount: i64,
    /// A text for the customer.
    pub description: String,
    /// Start and end of what is paid (Unix seconds).
    pub period: (i64, i64),
    /// The price's id.
    pub price: String,
    /// The quantity.
    pub quantity: i64,
    /// The item of the subscription, if it bills one.
    pub item: Option<String>,
    /// Whether it is a part of the price, because something changed within a period.
    pub is_proration: bool,
}

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
    /// The number of payment attempts.
    pub attempt_count: u32,
    /// The time of the next attempt (Unix seconds); `None` if there is none.
    pub next_payment_attempt: Option<i64>,
    /// The amount to pay, in the smallest unit of the currency.
    pub amount_due: i64,
    /// The sum of its lines, in the smallest unit of the currency. If it is 0, it becomes the amount due.
    pub total: i64,
    /// The balance of the customer before it.
    pub starting_balance: i64,
    /// The currency's code in lower case. If it is empty, it becomes `usd`.
    pub currency: String,
    /// The number that the customer sees.
    pub number: Option<String>,
    /// The lines of the invoice.
    pub lines: Vec<InvoiceLine>,
    /// The payment intent's id.
    pub payment_intent: Option<String>,
    /// The URL of its page, on which it can be paid.
    pub hosted_invoice_url: Option<String>,
    /// The time of its payment (Unix seconds).
    pub paid_at: Option<i64>,
    /// The time at which it was voided (Unix seconds).
    pub voided_at: Option<i64>,
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

    /// Returns the credit that is left after it, as a number that is not positive.
    pub fn ending_balance(&self) -> i64 {
        (self.starting_balance + self.total).min(0)
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
