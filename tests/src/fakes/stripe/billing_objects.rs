//! Stripe's representation of subscriptions, Checkout Sessions and invoices: complete, with ids where nothing
//! is expanded.

use serde_json::{Map, Value, json};

use super::model::{Invoice, Item, Price, Session, Subscription};
use super::objects::Objects;

/// How many items a subscription shows. The others are only in the list of its items.
const ITEMS_SHOWN_MAX: usize = 10;

impl Objects<'_> {
    /// Returns the plan that Stripe still shows beside an item's price.
    fn plan(&self, price: &Price) -> Value {
        json!({
            "id": price.id,
            "object": "plan",
            "active": true,
            "amount": price.unit_amount,
            "amount_decimal": price.unit_amount.to_string(),
            "billing_scheme": "per_unit",
            "created": price.created,
            "currency": "usd",
            "interval": "month",
            "interval_count": 1,
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

    /// Returns a subscription with the first of its items.
    pub fn subscription(&self, subscription: &Subscription) -> Value {
        let items: Vec<Value> =
            subscription.items.iter().take(ITEMS_SHOWN_MAX).map(|i| self.item(i, subscription)).collect();
        let canceled = subscription.canceled_at.is_some();
        let first = json!({
            "id": subscription.id,
            "object": "subscription",
            "application": null,
            "application_fee_percent": null,
            "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null},
            "billing_cycle_anchor": subscription.created,
            "billing_cycle_anchor_config": null,
            "billing_mode": {"flexible": null, "type": "classic"},
            "billing_thresholds": null,
            "cancel_at": subscription.cancel_at,
            "cancel_at_period_end": subscription.cancel_at_period_end,
            "canceled_at": subscription.canceled_at,
            "cancellation_details": {
                "comment": null,
                "feedback": null,
                "reason": canceled.then_some("cancellation_requested"),
            },
            "collection_method": "charge_automatically",
            "created": subscription.created,
            "currency": "usd",
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
            "items": {
                "object": "list",
                "data": items,
                "has_more": subscription.items.len() > ITEMS_SHOWN_MAX,
                "total_count": subscription.items.len(),
                "url": format!("/v1/subscription_items?subscription={}", subscription.id),
            },
            "latest_invoice": subscription.latest_invoice,
            "livemode": self.livemode,
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
            "pending_update": null,
            "schedule": null,
            "start_date": subscription.created,
            "status": subscription.status,
            "test_clock": null,
            "transfer_data": null,
            "trial_end": subscription.trial_end,
            "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
            "trial_start": subscription.trial_start,
        });
        joined(first, second)
    }

    /// Returns a Checkout Session.
    pub fn session(&self, session: &Session) -> Value {
        let first = json!({
            "id": session.id,
            "object": "checkout.session",
            "adaptive_pricing": null,
            "after_expiration": null,
            "allow_promotion_codes": null,
            "amount_subtotal": 2000,
            "amount_total": 2000,
            "automatic_tax": {"enabled": false, "liability": null, "provider": null, "status": null},
            "billing_address_collection": null,
            "cancel_url": "https://app.example.com/pricing",
            "client_reference_id": session.client_reference_id,
            "client_secret": null,
            "collected_information": null,
            "consent": null,
            "consent_collection": null,
            "created": session.created,
            "currency": "usd",
            "currency_conversion": null,
            "custom_fields": [],
            "customer": session.customer,
            "customer_account": null,
            "customer_creation": "always",
            "customer_email": null,
            "discounts": [],
            "expires_at": session.created + 24 * 3600,
            "invoice": null,
            "invoice_creation": null,
        });
        let second = json!({
            "livemode": self.livemode,
            "locale": null,
            "metadata": session.metadata,
            "mode": session.mode,
            "origin_context": null,
            "payment_intent": null,
            "payment_link": null,
            "payment_method_collection": "always",
            "payment_method_configuration_details": null,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "payment_status": session.payment_status,
            "permissions": null,
            "phone_number_collection": {"enabled": false},
            "recovered_from": null,
            "saved_payment_method_options": null,
            "setup_intent": null,
            "shipping_address_collection": null,
            "shipping_cost": null,
            "shipping_options": [],
            "status": session.status,
            "submit_type": null,
            "subscription": session.subscription,
            "success_url": "https://app.example.com/welcome",
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted",
            "url": null,
            "wallet_options": null,
        });
        joined(first, second)
    }

    fn invoice_parent(&self, invoice: &Invoice) -> Option<Value> {
        let id = invoice.subscription.as_ref()?;
        let metadata = self.account.find::<Subscription>(id).map(|s| s.metadata.clone()).unwrap_or_default();
        Some(json!({
            "quote_details": null,
            "subscription_details": {"metadata": metadata, "subscription": id},
            "type": "subscription_details",
        }))
    }

    /// Returns an invoice.
    pub fn invoice(&self, invoice: &Invoice) -> Value {
        let paid = invoice.status == "paid";
        let amount_paid = if paid { invoice.amount_due } else { 0 };
        let first = json!({
            "id": invoice.id,
            "object": "invoice",
            "account_country": "US",
            "account_name": "Example",
            "amount_due": invoice.amount_due,
            "amount_overpaid": 0,
            "amount_paid": amount_paid,
            "amount_remaining": invoice.amount_due - amount_paid,
            "amount_shipping": 0,
            "application": null,
            "attempt_count": invoice.attempt_count,
            "attempted": invoice.attempt_count > 0,
            "auto_advance": !paid,
            "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null, "provider": null},
            "automatically_finalizes_at": null,
            "billing_reason": invoice.billing_reason,
            "collection_method": "charge_automatically",
            "created": invoice.created,
            "currency": "usd",
            "custom_fields": null,
            "customer": invoice.customer,
            "customer_account": null,
            "customer_email": null,
            "default_payment_method": null,
            "default_source": null,
            "default_tax_rates": [],
            "description": null,
            "discounts": [],
        });
        let second = json!({
            "due_date": null,
            "effective_at": invoice.created,
            "ending_balance": 0,
            "hosted_invoice_url": null,
            "invoice_pdf": null,
            "issuer": {"type": "self"},
            "last_finalization_error": null,
            "latest_revision": null,
            "lines": {
                "object": "list",
                "data": [],
                "has_more": false,
                "total_count": 0,
                "url": format!("/v1/invoices/{}/lines", invoice.id),
            },
            "livemode": self.livemode,
            "metadata": invoice.metadata,
            "next_payment_attempt": invoice.next_payment_attempt,
            "number": null,
            "on_behalf_of": null,
            "parent": self.invoice_parent(invoice),
            "period_end": invoice.created,
            "period_start": invoice.created,
            "starting_balance": 0,
            "status": invoice.status,
            "status_transitions": {
                "finalized_at": invoice.created,
                "marked_uncollectible_at": null,
                "paid_at": paid.then_some(invoice.created),
                "voided_at": null,
            },
            "subtotal": invoice.amount_due,
            "test_clock": null,
            "total": invoice.amount_due,
            "webhooks_delivered_at": null,
        });
        joined(first, second)
    }
}

/// Joins two halves of an object: `json!` recurses once per field, and the compiler limits that.
fn joined(first: Value, second: Value) -> Value {
    let mut whole = Map::new();
    for half in [first, second] {
        if let Value::Object(fields) = half {
            whole.extend(fields);
        }
    }
    Value::Object(whole)
}
