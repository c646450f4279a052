//! Stripe's representation of subscriptions: complete, with ids where nothing is expanded.

use serde_json::{Map, Value, json};

use super::model::{Item, PendingUpdate, Price, Subscription};
use super::objects::Objects;

/// The maximum number of items that a subscription shows. The others are only in the list of its items.
const ITEMS_SHOWN_MAX: usize = 10;

impl Objects<'_> {
    /// Returns the plan that Stripe still shows in addition to an item's price.
    fn plan(&self, price: &Price) -> Value {
        let recurrence = price.recurring.as_ref();
        json!({
            "id": price.id,
            "object": "plan",
            "active": price.active,
            "amount": price.unit_amount,
            "amount_decimal": price.unit_amount.to_string(),
            "billing_scheme": "per_unit",
            "created": price.created,
            "currency": price.currency,
            "interval": recurrence.map(|recurrence| &recurrence.interval),
            "interval_count": recurrence.map(|recurrence| recurrence.interval_count),
            "livemode": self.livemode,
            "metadata": price.metadata,
            "meter": null,
            "nickname": null,
            "product": price.product,
            "tiers_mode": null,
            "transform_usage": null,
            "trial_period_days": null,
            "usage_type": "licensed",
        })
    }

    /// Returns an item of a subscription.
    pub fn item(&self, item: &Item, of: &Subscription) -> Value {
        let price: &Price = self.account.find(&item.price).expect("a put subscription's prices exist");
        json!({
            "id": item.id,
            "object": "subscription_item",
            "billing_thresholds": null,
            "created": of.created,
            "current_period_end": item.current_period_end,
            "current_period_start": item.current_period_start,
            "discounts": [],
            "metadata": item.metadata,
            "plan": self.plan(price),
            "price": self.price(price),
            "quantity": item.quantity,
            "subscription": of.id,
            "tax_rates": [],
        })
    }

    fn currency_of(&self, subscription: &Subscription) -> &str {
        let price = subscription.items.first().and_then(|item| self.account.find::<Price>(&item.price));
        price.map_or("usd", |price| &price.currency)
    }

    fn pending_update(&self, update: &PendingUpdate, of: &Subscription) -> Value {
        let items: Vec<Value> = update.items.iter().map(|item| self.item(item, of)).collect();
        json!({
            "billing_cycle_anchor": null,
            "discounts": null,
            "expires_at": update.expires_at,
            "metadata": update.metadata,
            "subscription_items": items,
            "trial_end": update.trial_end,
            "trial_from_plan": null,
        })
    }

    fn items(&self, of: &Subscription) -> Value {
        let shown = of.items.iter().take(ITEMS_SHOWN_MAX);
        json!({
            "object": "list",
            "data": shown.map(|item| self.item(item, of)).collect::<Vec<_>>(),
            "has_more": of.items.len() > ITEMS_SHOWN_MAX,
            "total_count": of.items.len(),
            "url": format!("/v1/subscription_items?subscription={}", of.id),
        })
    }

    /// Returns a subscription with the first of its items.
    pub fn subscription(&self, subscription: &Subscription) -> Value {
        let canceled = subscription.canceled_at.is_some();
        let first = json!({
            "id": subscription.id,
            "object": "subscription",
            "application": null,
            "application_fee_percent": null,
            "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null},
            "billing_cycle_anchor": subscription.created,
            "billing_cycle_anchor_config": null,
            "billing_schedules": [],
            "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
            "billing_thresholds": null,
            "cancel_at": subscription.cancel_at,
            "cancel_at_period_end": subscription.cancel_at_period_end,
            "canceled_at": subscription.canceled_at,
            "cancellation_details": {
                "comment": subscription.cancellation_details.comment,
                "feedback": subscription.cancellation_details.feedback,
                "reason": canceled.then_some("cancellation_requested"),
            },
            "collection_method": "charge_automatically",
            "created": subscription.created,
            "currency": self.currency_of(subscription),
            "customer": subscription.customer,
            "customer_account": null,
            "days_until_due": null,
            "default_payment_method": null,
            "default_source": null,
            "default_tax_rates": [],
            "description": null,
            "discounts": [],
            "ended_at": subscription.ended_at,
            "invoice_settings": {"account_tax_ids": null, "issuer": {"type": "self"}},
        });
        let second = json!({
            "items": self.items(subscription),
            "latest_invoice": subscription.latest_invoice,
            "livemode": self.livemode,
            "managed_payments": {"enabled": false},
            "metadata": subscription.metadata,
            "next_pending_invoice_item_invoice": null,
            "on_behalf_of": null,
            "pause_collection": subscription
                .pause_collection
                .as_ref()
                .map(|behavior| json!({"behavior": behavior, "resumes_at": null})),
            "payment_settings": {
                "payment_method_options": null,
                "payment_method_types": null,
                "save_default_payment_method": "off",
            },
            "pending_invoice_item_interval": null,
            "pending_setup_intent": null,
            "pending_update": subscription.pending_update.as_ref().map(|update| self.pending_update(update, subscription)),
            "schedule": subscription.schedule,
            "start_date": subscription.created,
            "status": subscription.status,
            "test_clock": null,
            "transfer_data": null,
            "trial_end": subscription.trial_end,
            "trial_settings": {"end_behavior": {"missing_payment_method": subscription.missing_payment_method.as_deref().unwrap_or("create_invoice")}},
            "trial_start": subscription.trial_start,
        });
        joined(first, second)
    }
}

/// Joins two halves of an object: `json!` recurses once per field, and the compiler limits that.
pub(super) fn joined(first: Value, second: Value) -> Value {
    let mut whole = Map::new();
    for half in [first, second] {
        if let Value::Object(fields) = half {
            whole.extend(fields);
        }
    }
    Value::Object(whole)
}
