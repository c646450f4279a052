//! Stripe's representation of invoices.

use serde_json::{Value, json};

use super::model::{Invoice, Subscription};
use super::objects::Objects;
use super::subscription_objects::joined;

impl Objects<'_> {
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
