//! Previews of invoices: <https://docs.stripe.com/api/invoices/create_preview>. The fake previews those of
//! subscriptions.

use serde_json::Value;

use super::calendar::period_end;
use super::endpoints::{ApiObject, Call};
use super::error::StripeError;
use super::expand;
use super::model::{Customer, Invoice, InvoiceLine, Subscription};

const SUPPORTED: [&str; 10] = [
    "customer",
    "expand[#]",
    "preview_mode",
    "subscription",
    "subscription_details[items][#][deleted]",
    "subscription_details[items][#][id]",
    "subscription_details[items][#][price]",
    "subscription_details[items][#][quantity]",
    "subscription_details[proration_behavior]",
    "subscription_details[proration_date]",
];
const UNSUPPORTED: [&str; 18] = [
    "automatic_tax",
    "currency",
    "customer_account",
    "customer_details",
    "discounts",
    "invoice_items",
    "issuer",
    "on_behalf_of",
    "schedule",
    "schedule_details",
    "subscription_details[billing_cycle_anchor][type]",
    "subscription_details[cancel_at]",
    "subscription_details[cancel_at_period_end]",
    "subscription_details[cancel_now]",
    "subscription_details[default_tax_rates]",
    "subscription_details[resume_at]",
    "subscription_details[start_date]",
    "subscription_details[trial_end]",
];

impl Call<'_> {
    /// Previews the invoice that a change of items makes at once, or else the next one.
    pub(super) fn preview_invoice(&self) -> Result<Value, StripeError> {
        self.parameters.accept(&SUPPORTED, &UNSUPPORTED)?;
        expand::check(&self.parameters.expand(), "invoice", false)?;
        if self.parameters.one_of("preview_mode", &["next", "recurring"])? == Some("recurring") {
            return Err(StripeError::not_faked("preview_mode=recurring"));
        }
        let customer = self.parameters.get("customer")?;
        if let Some(customer) = customer {
            self.find::<Customer>(customer, "customer")?;
        }
        let Some(id) = self.parameters.get("subscription")? else {
            return Err(match customer {
                Some(_) => StripeError::not_faked("a preview without `subscription`"),
                None => StripeError::missing_parameter("subscription"),
            });
        };
        let subscription = self.find::<Subscription>(id, "subscription")?;
        if customer.is_some_and(|customer| customer != subscription.customer) {
            let message = "The subscription does not belong to the customer.";
            return Err(StripeError::invalid_value("subscription", message.to_owned()));
        }
        let lines = self.preview_lines(subscription)?;
        let customer: &Customer = self.account.find(&subscription.customer).expect("the customer exists");
        let total = lines.iter().map(|line| line.amount).sum::<i64>();
        let preview = Invoice {
            id: format!("upcoming_in_{}", subscription.id.trim_start_matches("sub_")),
            created: self.account.now,
            customer: subscription.customer.clone(),
            subscription: Some(subscription.id.clone()),
            status: "draft".to_owned(),
            billing_reason: "upcoming".to_owned(),
            amount_due: (customer.balance + total).max(0),
            total,
            starting_balance: customer.balance,
            currency: self.account.currency(subscription),
            lines,
            ..Invoice::default()
        };
        let mut shown = preview.show(self.objects());
        expand::apply(&self.parameters.expand(), &mut shown, self.objects());
        Ok(shown)
    }

    fn preview_lines(&self, of: &Subscription) -> Result<Vec<InvoiceLine>, StripeError> {
        let items = self.changed_items("subscription_details[items]", of)?;
        let behavior = self.proration_behavior("subscription_details[proration_behavior]")?;
        let at = self.proration_date("subscription_details[proration_date]", of)?;
        let planned = self.account.planned_change(of, &items, behavior, at);
        if !planned.lines.is_empty() {
            return Ok(planned.lines);
        }
        if of.ended_at.is_some() || of.cancel_at.is_some() {
            let message = format!("No upcoming invoices for customer: {}", of.customer);
            return Err(StripeError::not_found(message).code("invoice_upcoming_none"));
        }
        let mut lines = [of.pending_lines.clone(), planned.later_lines].concat();
        for item in &planned.items {
            let recurrence = self.account.recurrence(item);
            let (_, start) = item.period();
            let mut next = item.clone();
            next.set_period((start, period_end(start, &recurrence.interval, recurrence.interval_count)));
            lines.push(self.account.item_line(&next));
        }
        Ok(lines)
    }
}
