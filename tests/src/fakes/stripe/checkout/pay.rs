//! Completes a Checkout Session after its payment, and expires it.

use super::super::account::Account;
use super::super::billing::{CustomerPresence, InvoiceDraft};
use super::super::calendar::{DAY_S, period_end};
use super::super::model::{
    Card, ChargeFailure, Customer, Invoice, Item, LineItem, PaymentIntent, Price, Session, Subscription,
};

/// The reason why a page of Stripe took no payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentPageError {
    /// The page is no longer open; its status.
    NotOpen(String),
    /// The card was not charged; the page stays open.
    NotCharged(ChargeFailure),
}

impl Account {
    /// Expires a session.
    pub(in super::super) fn expire(&mut self, id: &str) {
        let session = self.find_mut::<Session>(id).expect("the session exists");
        "expired".clone_into(&mut session.status);
        session.url = None;
        self.emit("checkout.session.expired", id);
    }

    /// Pays a session with a card, and returns where the customer is sent to.
    pub(in super::super) fn pay_session(&mut self, id: &str, card: Card) -> Result<String, PaymentPageError> {
        let session = self.find::<Session>(id).unwrap_or_else(|| panic!("Stripe has no {id}")).clone();
        if session.status != "open" {
            return Err(PaymentPageError::NotOpen(session.status));
        }
        if session.expires_at <= self.now {
            return Err(PaymentPageError::NotOpen("expired".to_owned()));
        }
        let collects_always = session.mode == "subscription"
            && session.settings.payment_method_collection.as_deref() != Some("if_required");
        let has_card = collects_always || session.amount_total > 0;
        if has_card && let Err(failure) = card.charge_on_session() {
            self.record_session_payment(&session, None, Some(failure));
            return Err(PaymentPageError::NotCharged(failure));
        }
        let customer = match &session.customer {
            Some(customer) => Some(customer.clone()),
            None if session.mode == "subscription" || session.settings.invoice_creation => {
                Some(self.new_payer(&session))
            }
            None => None,
        };
        let mut paid = Session { customer: customer.clone(), url: None, ..session.clone() };
        "complete".clone_into(&mut paid.status);
        let payment_status = if session.amount_total > 0 { "paid" } else { "no_payment_required" };
        payment_status.clone_into(&mut paid.payment_status);
        if session.mode == "subscription" {
            let customer = customer.expect("a subscription has a customer");
            if has_card {
                self.find_mut::<Customer>(&customer).expect("the customer exists").card = card;
            }
            let (subscription, invoice) = self.subscribe(&session, &customer);
            (paid.subscription, paid.invoice) = (Some(subscription), Some(invoice));
        } else {
            let intent = self.record_session_payment(&session, customer.as_deref(), None);
            paid.invoice = customer
                .filter(|_| session.settings.invoice_creation)
                .map(|customer| self.invoice_purchase(&session, &customer, &intent));
            paid.payment_intent = (session.amount_total > 0).then_some(intent);
        }
        self.put(paid);
        self.emit("checkout.session.completed", id);
        Ok(session.destination())
    }

    fn new_payer(&mut self, session: &Session) -> String {
        let id = self.new_id("cus");
        let address = session.settings.customer_email.clone();
        let email = address.unwrap_or_else(|| "payer@example.com".to_owned());
        self.put(Customer { id: id.clone(), email: Some(email), card: Card::Missing, ..Customer::default() });
        self.emit("customer.created", &id);
        id
    }

    /// Records the payment of a session, or a failed attempt.
    fn record_session_payment(
        &mut self,
        session: &Session,
        customer: Option<&str>,
        failure: Option<ChargeFailure>,
    ) -> String {
        let id = self.new_id("pi");
        self.put(PaymentIntent {
            id: id.clone(),
            created: 0,
            customer: customer.map(str::to_owned).or_else(|| session.customer.clone()),
            amount: session.amount_total,
            currency: session.currency.clone(),
            failure,
            canceled: false,
            metadata: session.settings.payment_metadata.clone(),
        });
        if session.amount_total > 0 {
            let outcome = if failure.is_some() { "payment_failed" } else { "succeeded" };
            self.emit(&format!("payment_intent.{outcome}"), &id);
        }
        id
    }

    fn invoice_purchase(&mut self, session: &Session, customer: &str, intent: &str) -> String {
        let now = self.now;
        let line = |item: &LineItem| self.line(&item.price, item.quantity, (now, now));
        let lines = session.line_items.iter().map(line).collect();
        let (reason, currency) = ("manual", session.currency.as_str());
        let invoice =
            self.create_invoice(InvoiceDraft { customer, subscription: None, reason, currency, lines });
        let created = self.find_mut::<Invoice>(&invoice).expect("it was just made");
        created.payment_intent = Some(intent.to_owned());
        self.mark_paid(&invoice);
        invoice
    }

    /// Makes the subscription of a session and its first invoice, which is paid; returns the ids of both.
    fn subscribe(&mut self, session: &Session, customer: &str) -> (String, String) {
        let (id, now) = (self.new_id("sub"), self.now);
        let trial_end = session.settings.trial_days.map(|days| now + days * DAY_S);
        let (mut items, mut lines) = (Vec::new(), Vec::new());
        for bought in &session.line_items {
            let price: &Price = self.find(&bought.price).expect("the price exists");
            let Some(recurrence) = price.recurring.clone() else {
                lines.push(self.line(&bought.price, bought.quantity, (now, now)));
                continue;
            };
            let end =
                trial_end.unwrap_or_else(|| period_end(now, &recurrence.interval, recurrence.interval_count));
            let item = Item {
                id: self.new_id("si"),
                price: bought.price.clone(),
                quantity: u32::try_from(bought.quantity).expect("the quantity was checked"),
                current_period_start: now,
                current_period_end: end,
                ..Item::default()
            };
            let mut line = self.line(&bought.price, bought.quantity, (now, end));
            line.item = Some(item.id.clone());
            if trial_end.is_some() {
                line.amount = 0;
                line.description = format!("Trial period for {}", line.description);
            }
            items.push(item);
            lines.push(line);
        }
        self.put(Subscription {
            id: id.clone(),
            customer: customer.to_owned(),
            status: if trial_end.is_some() { "trialing" } else { "active" }.to_owned(),
            metadata: session.settings.subscription_metadata.clone(),
            items,
            trial_start: trial_end.map(|_| now),
            trial_end,
            missing_payment_method: session.settings.missing_payment_method.clone(),
            ..Subscription::default()
        });
        let (reason, currency) = ("subscription_create", session.currency.as_str());
        let invoice =
            self.create_invoice(InvoiceDraft { customer, subscription: Some(&id), reason, currency, lines });
        self.find_mut::<Subscription>(&id).expect("it was just made").latest_invoice = Some(invoice.clone());
        self.emit("customer.subscription.created", &id);
        // The card was checked, and a payment of nothing needs none.
        self.collect(&invoice, CustomerPresence::OnSession).expect("a card that works");
        (id, invoice)
    }
}
