//! Pending updates: changes that wait for the payment of their invoice.

use super::super::account::Account;
use super::super::model::{Invoice, Item, PendingUpdate, Subscription};
use super::request::{ChangeRequest, TrialEnd};

/// The lifetime of a pending update, in seconds.
const PENDING_S: i64 = 23 * 3600;

impl Account {
    pub(super) fn set_pending_update(
        &mut self,
        id: &str,
        invoice: &str,
        request: &ChangeRequest,
        items: Vec<Item>,
    ) {
        let now = self.now;
        self.subscription(id).pending_update = Some(PendingUpdate {
            invoice: invoice.to_owned(),
            expires_at: now + PENDING_S,
            items,
            metadata: request.metadata.clone(),
            trial_end: match request.trial_end {
                None => None,
                Some(TrialEnd::Now) => Some(now),
                Some(TrialEnd::At(end)) => Some(end),
            },
        });
    }

    /// Drops a pending update and voids its invoice.
    pub(in super::super) fn drop_pending_update(&mut self, id: &str) {
        if let Some(update) = self.subscription(id).pending_update.take() {
            self.void(&update.invoice);
        }
    }

    /// Does what the payment of an invoice means for its subscription.
    pub(in super::super) fn apply_payment(&mut self, invoice: &str) {
        let Some(id) = self.find::<Invoice>(invoice).and_then(|invoice| invoice.subscription.clone()) else {
            return;
        };
        let Some(subscription) = self.find_mut::<Subscription>(&id) else { return };
        let is_pending = |update: &PendingUpdate| update.invoice == invoice;
        if subscription.pending_update.as_ref().is_some_and(is_pending) {
            self.emit_change("customer.subscription.updated", &id, |subscription: &mut Subscription| {
                let Some(update) = subscription.pending_update.take() else { return };
                subscription.items = update.items;
                subscription.metadata = update.metadata.unwrap_or(std::mem::take(&mut subscription.metadata));
                subscription.trial_end = update.trial_end.or(subscription.trial_end);
            });
            self.emit("customer.subscription.pending_update_applied", &id);
        }
        let waits = |status: &str| matches!(status, "incomplete" | "past_due" | "unpaid" | "paused");
        let is_latest = |s: &Subscription| s.latest_invoice.as_deref() == Some(invoice);
        self.emit_change("customer.subscription.updated", &id, |subscription: &mut Subscription| {
            if waits(&subscription.status) && is_latest(subscription) {
                "active".clone_into(&mut subscription.status);
            }
        });
    }
}
