//! Subscriptions.

use super::{InvoiceLine, StripeMetadata};

/// An item of a subscription.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// `si_…`
    pub id: String,
    /// The price's id.
    pub price: String,
    /// The quantity.
    pub quantity: u32,
    /// The start of the period in Unix seconds. Since API version 2025-03-31 periods belong to items.
    pub current_period_start: i64,
    /// The end of the period in Unix seconds.
    pub current_period_end: i64,
    /// Its metadata.
    pub metadata: StripeMetadata,
}

/// The feedback and the comment about a cancellation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancellationDetails {
    /// A text.
    pub comment: Option<String>,
    /// A word of Stripe's list.
    pub feedback: Option<String>,
}

/// A change that is applied when its invoice is paid:
/// <https://docs.stripe.com/billing/subscriptions/pending-updates>.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PendingUpdate {
    /// The invoice that must be paid.
    pub invoice: String,
    /// The time at which the change expires (Unix seconds).
    pub expires_at: i64,
    /// The items after the change.
    pub items: Vec<Item>,
    /// The metadata after the change, if it changes them.
    pub metadata: Option<StripeMetadata>,
    /// The end of the trial after the change, if it changes it.
    pub trial_end: Option<i64>,
}

/// A subscription.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscription {
    /// `sub_…`
    pub id: String,
    /// The creation time in Unix seconds; 0 stands for the time at which it is put.
    pub created: i64,
    /// The customer's id.
    pub customer: String,
    /// `active`, `past_due` …; any text, since Stripe may add a status.
    pub status: String,
    /// Its metadata.
    pub metadata: StripeMetadata,
    /// Its items.
    pub items: Vec<Item>,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// The time at which it will end, if that is set (Unix seconds).
    pub cancel_at: Option<i64>,
    /// The time at which it was canceled (Unix seconds).
    pub canceled_at: Option<i64>,
    /// The time at which it ended (Unix seconds).
    pub ended_at: Option<i64>,
    /// The start of its trial (Unix seconds).
    pub trial_start: Option<i64>,
    /// The end of its trial (Unix seconds).
    pub trial_end: Option<i64>,
    /// The latest invoice's id.
    pub latest_invoice: Option<String>,
    /// `keep_as_draft`, `mark_uncollectible` or `void` while collection is paused.
    pub pause_collection: Option<String>,
    /// The subscription schedule that manages it.
    pub schedule: Option<String>,
    /// A change that waits for a payment.
    pub pending_update: Option<PendingUpdate>,
    /// Prorations that its next invoice collects.
    pub pending_lines: Vec<InvoiceLine>,
    /// The reason why it ends.
    pub cancellation_details: CancellationDetails,
    /// `cancel`, `pause`, or `create_invoice`: what it does without a card at the end of its trial. `None`
    /// stands for the last.
    pub missing_payment_method: Option<String>,
}

impl Subscription {
    /// Returns an active subscription of that customer, without items.
    pub fn new(id: &str, customer: &str) -> Self {
        Subscription {
            id: id.to_owned(),
            customer: customer.to_owned(),
            status: "active".to_owned(),
            ..Subscription::default()
        }
    }

    /// Adds an item with `price`, for a period of 30 days from the subscription's creation.
    #[must_use]
    pub fn item(mut self, price: &str) -> Self {
        let id = format!("si_{}_{}", self.id.trim_start_matches("sub_"), self.items.len() + 1);
        self.items.push(Item { id, price: price.to_owned(), quantity: 1, ..Item::default() });
        self
    }

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        status.clone_into(&mut self.status);
        self
    }

    /// Sets the period of all items so far (Unix seconds).
    #[must_use]
    pub fn period(mut self, start: i64, end: i64) -> Self {
        for item in &mut self.items {
            (item.current_period_start, item.current_period_end) = (start, end);
        }
        self
    }

    /// Sets a trial (Unix seconds).
    #[must_use]
    pub fn trial(mut self, start: i64, end: i64) -> Self {
        (self.trial_start, self.trial_end) = (Some(start), Some(end));
        self.status("trialing")
    }
}

impl Item {
    /// Returns start and end of its period (Unix seconds).
    pub fn period(&self) -> (i64, i64) {
        (self.current_period_start, self.current_period_end)
    }

    /// Sets start and end of its period (Unix seconds).
    pub fn set_period(&mut self, (start, end): (i64, i64)) {
        (self.current_period_start, self.current_period_end) = (start, end);
    }
}
