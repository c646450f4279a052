//! Stripe's representation of Checkout Sessions.

use serde_json::{Value, json};

use super::model::{Customer, Session};
use super::objects::Objects;
use super::subscription_objects::joined;

impl Objects<'_> {
    /// Returns a Checkout Session.
    pub fn session(&self, session: &Session) -> Value {
        let settings = &session.settings;
        let first = json!({
            "id": session.id,
            "object": "checkout.session",
            "adaptive_pricing": null,
            "after_expiration": null,
            "allow_promotion_codes": settings.allow_promotion_codes,
            "amount_subtotal": session.amount_total,
            "amount_total": session.amount_total,
            "automatic_tax": {"enabled": settings.automatic_tax, "liability": null, "provider": null, "status": null},
            "billing_address_collection": settings.billing_address_collection,
            "cancel_url": session.cancel_url,
            "client_reference_id": session.client_reference_id,
            "client_secret": null,
            "collected_information": null,
            "consent": null,
            "consent_collection": null,
            "created": session.created,
            "currency": session.currency,
            "currency_conversion": null,
            "custom_fields": [],
            "custom_text": null,
            "customer": session.customer,
            "customer_account": null,
            "customer_creation": if session.mode == "payment" { "if_required" } else { "always" },
            "customer_details": self.customer_details(session),
            "customer_email": settings.customer_email,
            "discounts": [],
            "expires_at": session.expires_at,
            "invoice": session.invoice,
            "invoice_creation": (session.mode == "payment").then(|| invoice_creation(settings.invoice_creation)),
        });
        let second = json!({
            "integration_identifier": null,
            "managed_payments": null,
            "livemode": self.livemode,
            "locale": settings.locale,
            "metadata": session.metadata,
            "mode": session.mode,
            "origin_context": null,
            "payment_intent": session.payment_intent,
            "payment_link": null,
            "payment_method_collection": settings.payment_method_collection.as_deref().unwrap_or("always"),
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
            "success_url": session.success_url,
            "tax_id_collection": settings.tax_id_collection.map(|on| json!({"enabled": on, "required": "never"})),
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page",
            "url": session.url,
            "wallet_options": null,
        });
        joined(first, second)
    }

    /// Returns what the customer entered on the page; nothing before the session is complete.
    fn customer_details(&self, session: &Session) -> Option<Value> {
        let id = session.customer.as_ref().filter(|_| session.status == "complete")?;
        let customer: &Customer = self.account.find(id)?;
        Some(json!({
            "address": null,
            "business_name": null,
            "email": customer.email,
            "individual_name": null,
            "name": customer.name,
            "phone": null,
            "tax_exempt": "none",
            "tax_ids": [],
        }))
    }
}

fn invoice_creation(is_enabled: bool) -> Value {
    json!({
        "enabled": is_enabled,
        "invoice_data": {
            "account_tax_ids": null,
            "custom_fields": null,
            "description": null,
            "footer": null,
            "issuer": null,
            "metadata": {},
            "rendering_options": null,
        },
    })
}
