//! Voiding invoices: <https://docs.stripe.com/api/invoices/void>.

use serde_json::Value;

use super::account::Account;
use super::endpoints::Call;
use super::error::StripeError;
use super::expand;
use super::model::{Customer, Invoice, PaymentIntent, PendingUpdate, Subscription};

impl Call<'_> {
    /// Voids an open invoice.
    pub(super) fn void_invoice(&mut self, id: &str) -> Result<Value, StripeError> {
        self.parameters.accept(&["expand[#]"], &[])?;
        expand::check(&self.parameters.expand(), "invoice", false)?;
        let invoice = self.find::<Invoice>(id, "id")?;
        if !matches!(invoice.status.as_str(), "open" | "uncollectible") {
            return Err(StripeError::not_allowed(format!(
                "You can only void an invoice with the status `open` or `uncollectible`. This invoice has the status \
                 `{}`.",
                invoice.status
            )));
        }
        let subscription = invoice.subscription.clone();
        self.account.void(id);
        if let Some(subscription) = subscription {
            let is_waiting = |update: &PendingUpdate| update.invoice == id;
            self.account.emit_change(
                "customer.subscription.updated",
                &subscription,
                |s: &mut Subscription| {
                    if s.pending_update.as_ref().is_some_and(is_waiting) {
                        s.pending_update = None;
                    }
                },
            );
        }
        self.answer::<Invoice>(id)
    }
}

impl Account {
    /// Voids an invoice, gives the customer back the credit that it used, and gives up its payment.
    pub(super) fn void(&mut self, id: &str) {
        let now = self.now;
        let invoice = self.find_mut::<Invoice>(id).expect("the invoice exists");
        "void".clone_into(&mut invoice.status);
        invoice.voided_at = Some(now);
        invoice.next_payment_attempt = None;
        let invoice = invoice.clone();
        let customer = self.find_mut::<Customer>(&invoice.customer).expect("the customer exists");
        customer.balance += invoice.starting_balance - invoice.ending_balance();
        if let Some(intent) = invoice.payment_intent {
            self.find_mut::<PaymentIntent>(&intent).expect("the payment exists").canceled = true;
            self.emit("payment_intent.canceled", &intent);
        }
        self.emit("invoice.voided", id);
    }
}
