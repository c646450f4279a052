//! The actions of customers at Stripe, for tests that have no browser, and access to the events.

use super::FakeStripe;
use super::billing::CustomerPresence;
use super::checkout::PaymentPageError;
use super::events::Event;
use super::model::{Card, ChargeFailure, Customer, Invoice};

impl FakeStripe {
    /// Returns the events that requests, pages, and actions have led to since the last call, in order.
    /// Changes with
    /// [`FakeStripe::put`] and the like lead to none.
    pub fn take_events(&self) -> Vec<Event> {
        let mut state = self.stripe.state();
        let events = state.account.events.since(state.taken).cloned().collect();
        state.taken = state.account.events.end();
        events
    }

    /// Returns the event with that id, if it is among the newest that [`FakeStripe::take_events`] would return.
    pub fn emitted_event(&self, id: &str) -> Option<Event> {
        self.stripe.state().account.events.kept().find(|event| event.event_id() == id).cloned()
    }

    /// Sets what happens when the card of a customer is charged.
    ///
    /// # Panics
    /// If there is no such customer.
    pub fn set_card(&self, customer: &str, card: Card) {
        self.change::<Customer>(customer, |customer| customer.card = card);
    }

    /// Pays an open Checkout Session as the button on its page does, with a card that works. Returns where
    /// the customer is sent to.
    ///
    /// # Panics
    /// If the session cannot be paid.
    pub fn pay_session(&self, id: &str) -> String {
        self.pay_session_with(id, Card::Works).unwrap_or_else(|error| panic!("{id} was not paid: {error:?}"))
    }

    /// Pays an open Checkout Session with a card, which becomes that of the customer if it is charged.
    ///
    /// # Errors
    /// [`PaymentPageError`] if the session is not open or the card is not charged.
    ///
    /// # Panics
    /// If there is no such session.
    pub fn pay_session_with(&self, id: &str, card: Card) -> Result<String, PaymentPageError> {
        self.account(|account| account.pay_session(id, card))
    }

    /// Charges the customer's card for an open invoice, as Stripe does when it retries.
    ///
    /// # Errors
    /// [`ChargeFailure`] by the card; the invoice stays open.
    ///
    /// # Panics
    /// If there is no such open invoice.
    pub fn collect_invoice(&self, id: &str) -> Result<(), ChargeFailure> {
        assert_eq!(self.get::<Invoice>(id).status, "open", "the status of {id}");
        self.account(|account| account.collect(id, CustomerPresence::OffSession))
    }

    /// Pays an open invoice on its page, with a card that works.
    ///
    /// # Panics
    /// If the invoice cannot be paid.
    pub fn pay_invoice(&self, id: &str) {
        let paid = self.pay_invoice_with(id, Card::Works);
        paid.unwrap_or_else(|error| panic!("{id} was not paid: {error:?}"));
    }

    /// Pays an open invoice on its page with a card, which becomes that of the customer if it is charged.
    ///
    /// # Errors
    /// [`PaymentPageError`] if the invoice is not open or the card is not charged.
    ///
    /// # Panics
    /// If there is no such invoice.
    pub fn pay_invoice_with(&self, id: &str, card: Card) -> Result<(), PaymentPageError> {
        self.account(|account| account.pay_invoice(id, card))
    }

    /// Lets time pass until that time (Unix seconds): sessions expire, trials and periods end, the phases of
    /// schedules follow one another, and invoices are made and collected.
    pub fn advance_to(&self, at: i64) {
        let mut state = self.stripe.state();
        state.account.now = state.now();
        state.account.advance(at);
        state.fixed_now = Some(state.account.now);
        self.stripe.announce(&state);
    }
}
