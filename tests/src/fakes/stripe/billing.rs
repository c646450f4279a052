//! Creates, collects, and voids invoices as Stripe does, and emits the events about them.

use super::account::Account;
use super::model::{
    Card, ChargeFailure, Customer, Invoice, InvoiceLine, PaymentIntent, Price, Product, StripeMetadata,
};

/// The time between a failed payment and the next attempt, in seconds.
const RETRY_S: i64 = 3 * 24 * 3600;

/// An invoice to create.
pub(super) struct InvoiceDraft<'a> {
    pub(super) customer: &'a str,
    pub(super) subscription: Option<&'a str>,
    /// The value of `billing_reason`.
    pub(super) reason: &'a str,
    pub(super) currency: &'a str,
    pub(super) lines: Vec<InvoiceLine>,
}

/// The presence of the customer when the card is charged, as in Stripe's parameter `off_session`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CustomerPresence {
    /// The customer is not present, so the payment cannot be authenticated.
    OffSession,
    /// The customer pays on a page of Stripe.
    OnSession,
}

impl Account {
    /// Creates and finalizes an invoice. The customer's balance is applied to the amount due.
    pub(super) fn create_invoice(&mut self, draft: InvoiceDraft<'_>) -> String {
        let id = self.new_id("in");
        let total = draft.lines.iter().map(|line| line.amount).sum::<i64>();
        let customer = self.find_mut::<Customer>(draft.customer).expect("the customer of an invoice exists");
        let starting_balance = customer.balance;
        customer.balance = (starting_balance + total).min(0);
        let amount_due = (starting_balance + total).max(0);
        let number = format!(
            "{}-{:04}",
            customer.id.trim_start_matches("cus_").to_uppercase(),
            self.next_invoice_number()
        );
        let invoice = Invoice {
            id: id.clone(),
            customer: draft.customer.to_owned(),
            subscription: draft.subscription.map(str::to_owned),
            status: "open".to_owned(),
            billing_reason: draft.reason.to_owned(),
            currency: draft.currency.to_owned(),
            amount_due,
            total,
            starting_balance,
            lines: draft.lines,
            number: Some(number),
            hosted_invoice_url: Some(format!("{}/i/{id}", self.pages_url)),
            ..Invoice::default()
        };
        self.put(invoice);
        self.emit("invoice.created", &id);
        self.emit("invoice.finalized", &id);
        id
    }

    /// Returns the line for a price that is paid for a whole period.
    pub(super) fn line(&self, price: &str, quantity: i64, period: (i64, i64)) -> InvoiceLine {
        let price: &Price = self.find(price).expect("the price exists");
        let name = self.find::<Product>(&price.product).map_or("", |product| &product.name);
        InvoiceLine {
            amount: price.unit_amount * quantity,
            description: format!("{quantity} × {name}"),
            period,
            price: price.id.clone(),
            quantity,
            ..InvoiceLine::default()
        }
    }

    fn next_invoice_number(&self) -> usize {
        self.newest_first::<Invoice>(|_| true).len() + 1
    }

    /// Charges the customer's card for an open invoice.
    pub(super) fn collect(&mut self, id: &str, presence: CustomerPresence) -> Result<(), ChargeFailure> {
        let invoice = self.find::<Invoice>(id).expect("the invoice exists").clone();
        if invoice.amount_due == 0 {
            self.mark_paid(id);
            return Ok(());
        }
        let outcome = self.charge(&invoice.customer, presence);
        let intent = self.record_payment(&invoice, outcome.err());
        let next_attempt = self.now + RETRY_S;
        let invoice = self.find_mut::<Invoice>(id).expect("the invoice exists");
        invoice.payment_intent = Some(intent.clone());
        invoice.attempt_count += 1;
        match outcome {
            Ok(()) => {
                self.emit("payment_intent.succeeded", &intent);
                self.mark_paid(id);
            }
            Err(failure) => {
                invoice.next_payment_attempt = Some(next_attempt);
                if failure == ChargeFailure::AuthenticationRequired {
                    self.emit("payment_intent.requires_action", &intent);
                    self.emit("invoice.payment_action_required", id);
                } else {
                    self.emit("payment_intent.payment_failed", &intent);
                }
                self.emit("invoice.payment_failed", id);
            }
        }
        outcome
    }

    /// Charges the card of a customer.
    pub(super) fn charge(&self, customer: &str, presence: CustomerPresence) -> Result<(), ChargeFailure> {
        let card = self.find::<Customer>(customer).map_or(Card::Missing, |customer| customer.card);
        match presence {
            CustomerPresence::OffSession => card.charge(),
            CustomerPresence::OnSession => card.charge_on_session(),
        }
    }

    /// Updates the payment intent of an invoice, or creates it.
    fn record_payment(&mut self, invoice: &Invoice, failure: Option<ChargeFailure>) -> String {
        let id = invoice.payment_intent.clone().unwrap_or_else(|| self.new_id("pi"));
        let created = self.find::<PaymentIntent>(&id).map_or(0, |intent| intent.created);
        self.put(PaymentIntent {
            id: id.clone(),
            created,
            customer: Some(invoice.customer.clone()),
            amount: invoice.amount_due,
            currency: invoice.currency.clone(),
            failure,
            canceled: false,
            metadata: StripeMetadata::new(),
        });
        id
    }

    /// Marks an invoice as paid.
    pub(super) fn mark_paid(&mut self, id: &str) {
        let now = self.now;
        let invoice = self.find_mut::<Invoice>(id).expect("the invoice exists");
        "paid".clone_into(&mut invoice.status);
        invoice.paid_at = Some(now);
        invoice.next_payment_attempt = None;
        self.emit("invoice.paid", id);
        self.emit("invoice.payment_succeeded", id);
        self.apply_payment(id);
    }
}
