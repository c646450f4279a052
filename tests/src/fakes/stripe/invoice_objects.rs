//! Stripe's representation of invoices.

use serde_json::{Value, json};

use super::model::{Invoice, InvoiceLine, Subscription};
use super::objects::Objects;
use super::subscription_objects::joined;

/// The maximum number of lines that an invoice shows.
const LINES_SHOWN_MAX: usize = 10;

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

    fn invoice_line(&self, index: usize, line: &InvoiceLine, of: &Invoice) -> Value {
        let parent = json!({
            "invoice_item_details": null,
            "subscription_item_details": line.item.as_ref().map(|item| json!({
                "invoice_item": null,
                "proration": line.is_proration,
                "proration_details": null,
                "subscription": of.subscription,
                "subscription_item": item,
            })),
            "type": "subscription_item_details",
        });
        json!({
            "id": format!("il_{}_{index}", of.id.trim_start_matches("in_")),
            "object": "line_item",
            "amount": line.amount,
            "currency": of.currency,
            "description": line.description,
            "discount_amounts": [],
            "discountable": !line.is_proration,
            "discounts": [],
            "invoice": of.id,
            "livemode": self.livemode,
            "metadata": {},
            "parent": line.item.is_some().then_some(parent),
            "period": {"end": line.period.1, "start": line.period.0},
            "pricing": {"price_details": {"price": line.price}, "type": "price_details"},
            "quantity": line.quantity,
            "subtotal": line.amount,
            "taxes": [],
        })
    }

    fn invoice_lines(&self, invoice: &Invoice) -> Value {
        let shown = invoice.lines.iter().take(LINES_SHOWN_MAX).enumerate();
        json!({
            "object": "list",
            "data": shown.map(|(n, line)| self.invoice_line(n, line, invoice)).collect::<Vec<_>>(),
            "has_more": invoice.lines.len() > LINES_SHOWN_MAX,
            "total_count": invoice.lines.len(),
            "url": format!("/v1/invoices/{}/lines", invoice.id),
        })
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
            "auto_advance": invoice.status == "open",
            "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null, "provider": null},
            "automatically_finalizes_at": null,
            "billing_reason": invoice.billing_reason,
            "collection_method": "charge_automatically",
            "created": invoice.created,
            "currency": invoice.currency,
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
            "ending_balance": invoice.ending_balance(),
            "hosted_invoice_url": invoice.hosted_invoice_url,
            "invoice_pdf": invoice.hosted_invoice_url.as_ref().map(|url| format!("{url}/pdf")),
            "issuer": {"type": "self"},
            "last_finalization_error": null,
            "latest_revision": null,
            "lines": self.invoice_lines(invoice),
            "livemode": self.livemode,
            "metadata": invoice.metadata,
            "next_payment_attempt": invoice.next_payment_attempt,
            "number": invoice.number,
            "on_behalf_of": null,
            "parent": self.invoice_parent(invoice),
            "period_end": invoice.created,
            "period_start": invoice.created,
            "starting_balance": invoice.starting_balance,
            "status": invoice.status,
            "status_transitions": {
                "finalized_at": invoice.created,
                "marked_uncollectible_at": null,
                "paid_at": invoice.paid_at,
                "voided_at": invoice.voided_at,
            },
            "subtotal": invoice.total,
            "test_clock": null,
            "total": invoice.total,
            "webhooks_delivered_at": null,
        });
        joined(joined(first, second), unused_fields(invoice))
    }
}

/// Returns the fields that only merchants with taxes, shipping, credit notes, or custom texts use.
fn unused_fields(invoice: &Invoice) -> Value {
    json!({
        "account_tax_ids": null,
        "amount_paid_off_stripe": 0,
        "customer_address": null,
        "customer_name": null,
        "customer_phone": null,
        "customer_shipping": null,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "footer": null,
        "from_invoice": null,
        "payment_settings": {
            "default_mandate": null,
            "payment_method_options": null,
            "payment_method_types": null,
        },
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": null,
        "rendering": null,
        "shipping_cost": null,
        "shipping_details": null,
        "statement_descriptor": null,
        "subtotal_excluding_tax": invoice.total,
        "total_discount_amounts": [],
        "total_excluding_tax": invoice.total,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    })
}
