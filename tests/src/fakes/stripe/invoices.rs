//! Voiding invoices (<https://docs.stripe.com/api/invoices/void>), and paying them on their page.

use serde_json::Value;

use super::account::Account;
use super::billing::CustomerPresence;
use super::checkout::PaymentPageError;
use super::endpoints::Call;
use super::error::StripeError;
use super::expand;
use super::model::{Card, Customer, Invoice, PaymentIntent, PendingUpdate, Subscription};
use super::pages::{amount, card_field, escaped, failure_text, page, see_other};
use crate::fakes::server::FakeResponse;

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
        self.changed_object::<Invoice>(id)
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

    /// Pays an open invoice with a card, which becomes that of the customer if it is charged.
    pub(super) fn pay_invoice(&mut self, id: &str, card: Card) -> Result<(), PaymentPageError> {
        let invoice = self.find::<Invoice>(id).unwrap_or_else(|| panic!("Stripe has no {id}")).clone();
        if invoice.status != "open" {
            return Err(PaymentPageError::NotOpen(invoice.status));
        }
        let customer = self.find_mut::<Customer>(&invoice.customer).expect("the customer exists");
        let before = std::mem::replace(&mut customer.card, card);
        self.collect(id, CustomerPresence::OnSession).map_err(|failure| {
            self.find_mut::<Customer>(&invoice.customer).expect("the customer exists").card = before;
            PaymentPageError::NotCharged(failure)
        })
    }

    pub(super) fn invoice_page(&self, id: &str, problem: &str) -> FakeResponse {
        let Some(invoice) = self.find::<Invoice>(id) else {
            return page(404, "Something went wrong", "<p>The page could not be found.</p>");
        };
        let (due, status) = (amount(invoice.amount_due, &invoice.currency), escaped(&invoice.status));
        let mut body = format!("<p>{due}, {status}</p>");
        if !problem.is_empty() {
            body.push_str(&format!("<p role=\"alert\">{problem}</p>"));
        }
        if invoice.status == "open" {
            body.push_str(&format!("<form method=\"post\">{}<button>Pay</button></form>", card_field()));
        }
        page(if problem.is_empty() { 200 } else { 402 }, "Invoice", &body)
    }

    pub(super) fn submit_invoice_page(&mut self, id: &str, card: Card) -> FakeResponse {
        if self.find::<Invoice>(id).is_none() {
            return self.invoice_page(id, "");
        }
        match self.pay_invoice(id, card) {
            Err(PaymentPageError::NotCharged(failure)) => self.invoice_page(id, failure_text(failure)),
            Ok(()) | Err(PaymentPageError::NotOpen(_)) => see_other(&format!("/i/{id}")),
        }
    }

    /// Returns the least that is a PDF.
    pub(super) fn invoice_pdf(&self, id: &str) -> FakeResponse {
        match self.find::<Invoice>(id) {
            None => self.invoice_page(id, ""),
            Some(_) => FakeResponse {
                status: 200,
                headers: vec![("content-type".to_owned(), "application/pdf".to_owned())],
                body: b"%PDF-1.4\n%%EOF\n".to_vec(),
            },
        }
    }
}
