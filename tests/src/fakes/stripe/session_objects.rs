//! Stripe's representation of Checkout Sessions.

use serde_json::{Value, json};

use super::model::Session;
use super::objects::Objects;
use super::subscription_objects::joined;

impl Objects<'_> {
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
}
