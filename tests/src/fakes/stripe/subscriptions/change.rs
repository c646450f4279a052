//! Changes a subscription of the fake, and charges the customer for the change.

use serde_json::Value;

use super::super::account::Account;
use super::super::billing::{CustomerPresence, InvoiceDraft};
use super::super::calendar::period_end;
use super::super::endpoints::Call;
use super::super::error::StripeError;
use super::super::expand;
use super::super::model::{ChargeFailure, Customer, InvoiceLine, Item, Price, Recurrence, Subscription};
use super::proration::PlannedChange;
use super::request::{Cancellation, ChangeRequest, PaymentBehavior, TrialEnd};

impl Call<'_> {
    /// Changes a subscription.
    pub(in super::super) fn update_subscription(&mut self, id: &str) -> Result<Value, StripeError> {
        expand::check(&self.parameters.expand(), "subscription", false)?;
        let subscription = self.find::<Subscription>(id, "id")?.clone();
        let request = self.change_request(&subscription)?;
        let account = &mut *self.account;
        let planned = account.plan_change(&subscription, &request);
        if request.payment == PaymentBehavior::Refuse {
            account.check_payment(&subscription, &planned.lines)?;
        }
        let before = account.shown(id);
        account.set_cancellation(id, &request);
        if request.items.is_some() || request.trial_end.is_some() {
            account.drop_pending_update(id);
            account.change_and_pay(id, &request, planned);
        } else if let Some(metadata) = request.metadata {
            account.subscription(id).metadata = metadata;
        }
        account.emit_since("customer.subscription.updated", id, &before);
        self.changed_object::<Subscription>(id)
    }
}

impl ChargeFailure {
    /// Returns Stripe's error for a change of a subscription whose charge fails this way.
    fn to_update_error(self) -> StripeError {
        match self {
            ChargeFailure::Declined(decline_code, message) => {
                StripeError::card("card_declined", Some(decline_code), message)
            }
            ChargeFailure::AuthenticationRequired => StripeError::card(
                "subscription_payment_intent_requires_action",
                None,
                "Payment for this subscription requires additional user action before it can be completed \
                 successfully. Payment can be completed using the PaymentIntent associated with \
                 `subscription.latest_invoice`.",
            ),
            ChargeFailure::NoCard => StripeError::not_allowed(
                "This customer has no attached payment source or default payment method. Please consider adding a \
                 default payment method. For more information, visit \
                 https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority."
                    .to_owned(),
            )
            .code("resource_missing"),
        }
    }
}

impl Account {
    pub(in super::super) fn subscription(&mut self, id: &str) -> &mut Subscription {
        self.find_mut(id).unwrap_or_else(|| panic!("Stripe has no {id}"))
    }

    fn plan_change(&self, subscription: &Subscription, request: &ChangeRequest) -> PlannedChange {
        let items = request.items.as_deref().unwrap_or(&subscription.items);
        let mut planned = self.planned_change(subscription, items, request.proration, request.proration_date);
        match request.trial_end {
            Some(TrialEnd::Now) if subscription.status == "trialing" => {
                for item in &mut planned.items {
                    let Recurrence { interval, interval_count } = self.recurrence(item);
                    item.set_period((self.now, period_end(self.now, &interval, interval_count)));
                }
                planned.lines = planned.items.iter().map(|item| self.item_line(item)).collect();
            }
            Some(TrialEnd::At(end)) => {
                planned.items.iter_mut().for_each(|item| item.current_period_end = end);
            }
            _ => {}
        }
        planned
    }

    /// Returns an error if the payment of a change would fail.
    fn check_payment(&self, subscription: &Subscription, lines: &[InvoiceLine]) -> Result<(), StripeError> {
        let customer: &Customer = self.find(&subscription.customer).expect("the customer exists");
        let due = customer.balance + lines.iter().map(|line| line.amount).sum::<i64>();
        match self.charge(&subscription.customer, CustomerPresence::OffSession) {
            Err(failure) if due > 0 => Err(failure.to_update_error()),
            _ => Ok(()),
        }
    }

    fn set_cancellation(&mut self, id: &str, request: &ChangeRequest) {
        let now = self.now;
        let subscription = self.subscription(id);
        let details = &request.cancellation_details;
        let current = &mut subscription.cancellation_details;
        current.comment = details.comment.clone().or_else(|| current.comment.take());
        current.feedback = details.feedback.clone().or_else(|| current.feedback.take());
        if let Some(cancellation) = request.cancellation {
            subscription.set_cancellation(cancellation, now);
        }
    }

    /// Changes the price of a subscription's first item and charges for the change at once, as the customer
    /// portal does.
    pub(in super::super) fn change_price(&mut self, id: &str, price: &str) -> Result<(), StripeError> {
        let subscription = self.subscription(id).clone();
        let mut items = subscription.items.clone();
        if let Some(item) = items.first_mut() {
            price.clone_into(&mut item.price);
        }
        let request = ChangeRequest::of_items(items, self.now);
        let planned = self.plan_change(&subscription, &request);
        self.check_payment(&subscription, &planned.lines)?;
        let before = self.shown(id);
        self.drop_pending_update(id);
        self.change_and_pay(id, &request, planned);
        self.emit_since("customer.subscription.updated", id, &before);
        Ok(())
    }

    fn change_and_pay(&mut self, id: &str, request: &ChangeRequest, mut planned: PlannedChange) {
        for item in &mut planned.items {
            if item.id.is_empty() {
                item.id = self.new_id("si");
            }
        }
        let lines_without_item_id = planned.lines.iter_mut().chain(&mut planned.later_lines);
        for line in lines_without_item_id.filter(|line| line.item.as_deref() == Some("")) {
            let of_price = planned.items.iter().find(|item| item.price == line.price);
            line.item = of_price.map(|item| item.id.clone());
        }
        let customer = self.subscription(id).customer.clone();
        let keeps_pending = request.payment == PaymentBehavior::KeepPending;
        if planned.lines.is_empty() {
            return self.apply_change(id, request, planned);
        }
        let lines = std::mem::take(&mut planned.lines);
        let price: &Price = self.find(&planned.items[0].price).expect("the price exists");
        let currency = price.currency.clone();
        let reason = if request.items.is_some() { "subscription_update" } else { "subscription_cycle" };
        let subscription = Some(id);
        let draft = InvoiceDraft { customer: &customer, subscription, reason, currency: &currency, lines };
        let invoice = self.create_invoice(draft);
        self.subscription(id).latest_invoice = Some(invoice.clone());
        let outcome = if request.payment == PaymentBehavior::Postpone {
            // The invoice stays open. Any failure has this effect.
            Err(ChargeFailure::NoCard)
        } else {
            self.collect(&invoice, CustomerPresence::OffSession)
        };
        match outcome {
            Err(_) if keeps_pending => self.set_pending_update(id, &invoice, request, planned.items),
            Err(_) => {
                self.apply_change(id, request, planned);
                "past_due".clone_into(&mut self.subscription(id).status);
            }
            Ok(()) => self.apply_change(id, request, planned),
        }
    }

    fn apply_change(&mut self, id: &str, request: &ChangeRequest, planned: PlannedChange) {
        let now = self.now;
        let subscription = self.subscription(id);
        subscription.items = planned.items;
        subscription.pending_lines.extend(planned.later_lines);
        if let Some(metadata) = &request.metadata {
            subscription.metadata.clone_from(metadata);
        }
        match request.trial_end {
            Some(TrialEnd::Now) if subscription.status == "trialing" => {
                subscription.trial_end = Some(now);
                "active".clone_into(&mut subscription.status);
            }
            Some(TrialEnd::At(end)) => {
                subscription.trial_start.get_or_insert(now);
                subscription.trial_end = Some(end);
                "trialing".clone_into(&mut subscription.status);
            }
            _ => {}
        }
    }
}

impl Subscription {
    /// Returns the latest end of its items' periods (Unix seconds).
    pub(in super::super) fn period_end(&self) -> i64 {
        self.items.iter().map(|item: &Item| item.current_period_end).max().unwrap_or_default()
    }

    pub(in super::super) fn set_cancellation(&mut self, cancellation: Cancellation, now: i64) {
        self.cancel_at_period_end = cancellation == Cancellation::AtPeriodEnd;
        self.cancel_at = match cancellation {
            Cancellation::Never => None,
            Cancellation::AtPeriodEnd => Some(self.period_end()),
            Cancellation::At(at) => Some(at),
        };
        if cancellation == Cancellation::Never {
            self.canceled_at = None;
            self.cancellation_details = Default::default();
        } else {
            self.canceled_at.get_or_insert(now);
        }
    }
}
