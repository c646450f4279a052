//! Stripe's representation of payment intents, and of the payments of invoices.

use serde_json::{Value, json};

use super::model::{ChargeFailure, Invoice, PaymentIntent};
use super::objects::Objects;

impl Objects<'_> {
    /// Returns a payment intent.
    pub fn payment_intent(&self, intent: &PaymentIntent) -> Value {
        let needs_action = intent.status() == "requires_action";
        json!({
            "id": intent.id,
            "object": "payment_intent",
            "amount": intent.amount,
            "amount_received": if intent.status() == "succeeded" { intent.amount } else { 0 },
            "canceled_at": null,
            "capture_method": "automatic",
            "client_secret": null,
            "created": intent.created,
            "currency": intent.currency,
            "customer": intent.customer,
            "description": null,
            "last_payment_error": last_payment_error(intent.failure),
            "livemode": self.livemode,
            "metadata": intent.metadata,
            "next_action": needs_action.then(|| json!({"type": "use_stripe_sdk", "use_stripe_sdk": {}})),
            "payment_method": null,
            "payment_method_types": ["card"],
            "status": intent.status(),
        })
    }

    /// Returns the list of an invoice's payments, which is shown only if it is expanded.
    pub fn payments_of(&self, invoice: &str) -> Value {
        // A preview is not kept, and has no payments.
        let Some(invoice) = self.account.find::<Invoice>(invoice) else {
            return json!({"object": "list", "data": [], "has_more": false, "url": "/v1/invoice_payments"});
        };
        let payment = |intent: &String| {
            json!({
                "id": format!("inpay_{}", intent.trim_start_matches("pi_")),
                "object": "invoice_payment",
                "amount_paid": if invoice.status == "paid" { Some(invoice.amount_due) } else { None },
                "amount_requested": invoice.amount_due,
                "created": invoice.created,
                "currency": invoice.currency,
                "invoice": invoice.id,
                "is_default": true,
                "livemode": self.livemode,
                "payment": {"payment_intent": intent, "type": "payment_intent"},
                "status": if invoice.status == "void" { "canceled" } else { &invoice.status },
            })
        };
        let data: Vec<Value> = invoice.payment_intent.iter().map(payment).collect();
        let url = format!("/v1/invoice_payments?invoice={}", invoice.id);
        json!({"object": "list", "data": data, "has_more": false, "url": url})
    }
}

fn last_payment_error(failure: Option<ChargeFailure>) -> Option<Value> {
    let Some(ChargeFailure::Declined(decline_code, message)) = failure else { return None };
    Some(json!({
        "code": "card_declined",
        "decline_code": decline_code,
        "doc_url": "https://stripe.com/docs/error-codes/card-declined",
        "message": message,
        "type": "card_error",
    }))
}
