//! Ending a subscription at once, and resuming a paused one.

use serde_json::Value;

use super::super::account::Account;
use super::super::billing::{CustomerPresence, InvoiceDraft};
use super::super::calendar::period_end;
use super::super::endpoints::Call;
use super::super::error::StripeError;
use super::super::expand;
use super::super::model::{Price, Recurrence, Subscription};
use super::proration::ProrationBehavior;

impl Call<'_> {
    /// Ends a subscription at once: <https://docs.stripe.com/api/subscriptions/cancel>.
    pub(in super::super) fn cancel_subscription(&mut self, id: &str) -> Result<Value, StripeError> {
        let known = [
            "cancellation_details[comment]",
            "cancellation_details[feedback]",
            "expand[#]",
            "invoice_now",
            "prorate",
        ];
        self.parameters.accept(&known, &[])?;
        expand::check(&self.parameters.expand(), "subscription", false)?;
        let (invoices, prorates) = (self.parameters.flag("invoice_now")?, self.parameters.flag("prorate")?);
        let details = self.cancellation_details()?;
        let subscription = self.find::<Subscription>(id, "id")?.clone();
        if subscription.ended_at.is_some() {
            return Err(StripeError::missing("subscription", id, "id", None));
        }
        subscription.check_unscheduled("cancelation behavior")?;
        self.account.subscription(id).cancellation_details = details;
        self.account.end(id);
        if prorates == Some(true) {
            self.account.settle(&subscription, invoices == Some(true));
        }
        self.changed_object::<Subscription>(id)
    }

    /// Resumes a paused subscription: <https://docs.stripe.com/api/subscriptions/resume>.
    pub(in super::super) fn resume_subscription(&mut self, id: &str) -> Result<Value, StripeError> {
        let known = ["billing_cycle_anchor[type]", "expand[#]", "proration_behavior", "proration_date"];
        self.parameters.accept(&known, &[])?;
        expand::check(&self.parameters.expand(), "subscription", false)?;
        let anchor = self.parameters.one_of("billing_cycle_anchor[type]", &["now", "unchanged"])?;
        if anchor == Some("unchanged") {
            return Err(StripeError::not_faked("billing_cycle_anchor[type]=unchanged"));
        }
        self.proration_behavior("proration_behavior")?;
        let subscription = self.find::<Subscription>(id, "id")?;
        if subscription.status != "paused" {
            return Err(StripeError::not_allowed(format!(
                "Only a subscription with the status `paused` can be resumed. This subscription has the status `{}`.",
                subscription.status
            )));
        }
        let before = self.account.shown(id);
        self.account.start_period(id, "subscription_update");
        self.account.emit_since("customer.subscription.updated", id, &before);
        if self.find::<Subscription>(id, "id")?.status == "active" {
            self.account.emit("customer.subscription.resumed", id);
        }
        self.changed_object::<Subscription>(id)
    }
}

impl Account {
    /// Ends a subscription at once.
    pub(in super::super) fn end(&mut self, id: &str) {
        self.drop_pending_update(id);
        self.cancel(id);
        self.emit("customer.subscription.deleted", id);
    }

    /// Credits what is left of the periods of a subscription that ended.
    fn settle(&mut self, ended: &Subscription, at_once: bool) {
        let all = self.planned_change(ended, &[], ProrationBehavior::AlwaysInvoice, self.now);
        if all.lines.is_empty() {
            return;
        }
        if !at_once {
            self.subscription(&ended.id).pending_lines.extend(all.lines);
            return;
        }
        let currency = self.currency(ended);
        let (customer, subscription, reason) = (&*ended.customer, Some(&*ended.id), "subscription_update");
        let invoice = self.create_invoice(InvoiceDraft {
            customer,
            subscription,
            reason,
            currency: &currency,
            lines: all.lines,
        });
        self.subscription(&ended.id).latest_invoice = Some(invoice.clone());
        // A credit needs no payment.
        let _ = self.collect(&invoice, CustomerPresence::OffSession);
    }

    /// Returns the currency of a subscription.
    pub(in super::super) fn currency(&self, of: &Subscription) -> String {
        let price = of.items.first().and_then(|item| self.find::<Price>(&item.price));
        price.map_or("usd".to_owned(), |price| price.currency.clone())
    }

    /// Begins a period now, and bills it. A paid one makes the subscription active.
    pub(in super::super) fn start_period(&mut self, id: &str, reason: &str) {
        let mut items = self.subscription(id).items.clone();
        for item in &mut items {
            let Recurrence { interval, interval_count } = self.recurrence(item);
            item.set_period((self.now, period_end(self.now, &interval, interval_count)));
        }
        let mut lines = std::mem::take(&mut self.subscription(id).pending_lines);
        lines.extend(items.iter().map(|item| self.item_line(item)));
        self.subscription(id).items = items;
        let subscription = self.subscription(id).clone();
        let currency = self.currency(&subscription);
        let customer = &subscription.customer;
        let draft = InvoiceDraft { customer, subscription: Some(id), reason, currency: &currency, lines };
        let invoice = self.create_invoice(draft);
        self.subscription(id).latest_invoice = Some(invoice.clone());
        let outcome = self.collect(&invoice, CustomerPresence::OffSession);
        let status = &mut self.subscription(id).status;
        match outcome {
            Ok(()) => "active".clone_into(status),
            Err(_) if status == "paused" => {}
            Err(_) => "past_due".clone_into(status),
        }
    }
}
