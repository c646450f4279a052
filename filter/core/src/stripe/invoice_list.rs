//! Invoices as a customer sees them: a page of them, a preview of one, and why the payment of one failed.

use super::object::UnreadableError;
use super::wire::{self, Object};
use crate::ids::{CustomerId, InvoiceId};
use serde_json::Value;

/// An invoice as a customer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvoiceSummary {
    /// The id.
    pub(crate) id: InvoiceId,
    /// The number on the invoice; a draft has none.
    pub(crate) number: Option<String>,
    /// `draft`, `open`, `paid`, `uncollectible` or `void`.
    pub(crate) status: Option<String>,
    /// The total in the currency's smallest unit; negative for a credit.
    pub(crate) total: i64,
    /// The three-letter currency code, in lower case.
    pub(crate) currency: String,
    /// The creation time, in seconds since the Unix epoch.
    pub(crate) created_s: u64,
    /// Stripe's page of the invoice.
    pub(crate) hosted_url: Option<String>,
    /// The invoice as a PDF file.
    pub(crate) pdf_url: Option<String>,
}

/// A page of invoices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InvoicePage {
    /// The invoices, newest first. One that cannot be parsed is left out.
    pub(crate) invoices: Vec<InvoiceSummary>,
    /// Whether there are more.
    pub(crate) has_more: bool,
}

impl InvoicePage {
    /// Parses a page of invoices.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a list.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        let body = wire::value(body)?;
        let list = Object::from_value(&body)?;
        let read = |object| Object::from_value(object).and_then(InvoiceSummary::read).ok();
        Ok(InvoicePage {
            invoices: list.page()?.iter().filter_map(read).collect(),
            has_more: list.is_set("has_more")?,
        })
    }
}

impl InvoiceSummary {
    fn read(object: Object<'_>) -> Result<Self, UnreadableError> {
        Ok(InvoiceSummary {
            id: InvoiceId::parse(object.needed_text("id")?).map_err(|_| UnreadableError("id"))?,
            number: object.owned_text("number")?,
            status: object.owned_text("status")?,
            total: amount(object, "total")?,
            currency: object.needed_text("currency")?.to_owned(),
            created_s: object.needed_number("created")?,
            hosted_url: object.owned_text("hosted_invoice_url")?,
            pdf_url: object.owned_text("invoice_pdf")?,
        })
    }
}

/// An invoice that would be created by a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvoicePreview {
    /// The amount that would be charged, in the currency's smallest unit.
    pub(crate) amount_due: i64,
    /// The three-letter currency code, in lower case.
    pub(crate) currency: String,
    /// Its lines, at most a page of them.
    pub(crate) lines: Vec<PreviewLine>,
}

/// A line of a preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PreviewLine {
    /// The text for the customer.
    pub(crate) description: Option<String>,
    /// The amount in the currency's smallest unit; negative for a credit.
    pub(crate) amount: i64,
    /// The start of the line's period, in seconds since the Unix epoch.
    pub(crate) start_s: u64,
    /// The end of the line's period, in seconds since the Unix epoch.
    pub(crate) end_s: u64,
}

impl InvoicePreview {
    /// Parses a preview.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not an invoice with lines.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        let body = wire::value(body)?;
        let invoice = Object::from_value(&body)?;
        let line = |line| {
            let line = Object::from_value(line)?;
            let period = line.needed_object("period")?;
            Ok(PreviewLine {
                description: line.owned_text("description")?,
                amount: amount(line, "amount")?,
                start_s: period.needed_number("start")?,
                end_s: period.needed_number("end")?,
            })
        };
        Ok(InvoicePreview {
            amount_due: amount(invoice, "amount_due")?,
            currency: invoice.needed_text("currency")?.to_owned(),
            lines: invoice.needed_object("lines")?.page()?.iter().map(line).collect::<Result<_, _>>()?,
        })
    }
}

/// An invoice, with what is known of its payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvoicePayment {
    /// The customer.
    pub(crate) customer: Option<CustomerId>,
    /// `draft`, `open`, `paid`, `uncollectible` or `void`.
    pub(crate) status: Option<String>,
    /// Stripe's page at which the customer can pay it.
    pub(crate) hosted_url: Option<String>,
    /// Whether the customer's bank asks for authentication.
    pub(crate) needs_authentication: bool,
    /// Stripe's message about the card that was declined. It is written for the cardholder.
    pub(crate) decline_message: Option<String>,
}

impl InvoicePayment {
    /// Parses an invoice; its payment is known only if the payment intent was expanded.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not an invoice.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        let body = wire::value(body)?;
        let invoice = Object::from_value(&body)?;
        let intent = payment_intent(invoice);
        let text = |name| intent.and_then(|intent| intent.get(name)).and_then(Value::as_str);
        let error = intent.and_then(|intent| intent.get("last_payment_error"));
        let of_error = |name| error.and_then(|error| error.get(name)).and_then(Value::as_str);
        let declined = of_error("type") == Some("card_error");
        let authenticate = of_error("code") == Some("authentication_required");
        Ok(InvoicePayment {
            customer: invoice.id_of("customer")?.and_then(|id| CustomerId::parse(id).ok()),
            status: invoice.owned_text("status")?,
            hosted_url: invoice.owned_text("hosted_invoice_url")?,
            needs_authentication: text("status") == Some("requires_action") || authenticate,
            decline_message: of_error("message").filter(|_| declined).map(str::to_owned),
        })
    }
}

/// Returns the newest expanded payment intent of an invoice.
fn payment_intent(invoice: Object<'_>) -> Option<&Value> {
    let payments = invoice.object("payments").ok()??.page().ok()?;
    let mut intents =
        payments.iter().rev().filter_map(|payment| payment.get("payment")?.get("payment_intent"));
    intents.find(|intent| intent.is_object())
}

/// Reads an amount, which may be negative.
fn amount(object: Object<'_>, name: &'static str) -> Result<i64, UnreadableError> {
    object.member(name).and_then(Value::as_i64).ok_or(UnreadableError(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_invoice_that_cannot_be_parsed_is_left_out() {
        let good = json!({"id": "in_1", "number": "A-1", "status": "paid", "total": 2000, "currency": "usd",
            "created": 7, "hosted_invoice_url": "https://x", "invoice_pdf": null});
        let body = json!({"data": [good, {"id": "in_2"}], "has_more": true}).to_string();
        let page = InvoicePage::parse(body.as_bytes()).unwrap();
        assert_eq!((page.invoices.len(), page.has_more), (1, true));
        assert_eq!((page.invoices[0].total, page.invoices[0].pdf_url.as_deref()), (2000, None));
    }

    #[test]
    fn a_preview_has_credits() {
        let line = json!({"description": "Unused time", "amount": -500, "period": {"start": 1, "end": 2}});
        let body = json!({"amount_due": 1500, "currency": "usd", "lines": {"data": [line]}}).to_string();
        let preview = InvoicePreview::parse(body.as_bytes()).unwrap();
        assert_eq!((preview.amount_due, preview.lines[0].amount), (1500, -500));
    }

    #[test]
    fn the_reason_of_a_failed_payment_is_that_of_the_newest_attempt() {
        let intent = |intent: Value| json!({"payment": {"type": "payment_intent", "payment_intent": intent}});
        let declined = json!({"status": "requires_payment_method",
            "last_payment_error": {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}});
        let internal = json!({"status": "requires_payment_method",
            "last_payment_error": {"type": "api_error", "message": "internal"}});
        let action = json!({"status": "requires_action"});
        let cases = [
            ("a decline", vec![intent(declined.clone())], false, Some("Your card was declined.")),
            ("authentication", vec![intent(declined.clone()), intent(action)], true, None),
            ("an error of Stripe's", vec![intent(internal)], false, None),
            ("not expanded", vec![intent(json!("pi_1"))], false, None),
            ("none", vec![], false, None),
        ];
        for (why, payments, authentication, message) in cases {
            let body =
                json!({"id": "in_1", "status": "open", "customer": "cus_1", "payments": {"data": payments}});
            let payment = InvoicePayment::parse(body.to_string().as_bytes()).unwrap();
            assert_eq!(payment.needs_authentication, authentication, "{why}");
            assert_eq!(payment.decline_message.as_deref(), message, "{why}");
        }
    }
}
