//! Invoices of a subscription, with the members that affect a plan: since when they are due, and for which
//! prices.

use super::object::UnreadableError;
use super::wire::{self, Object};
use serde_json::Value;

/// The `billing_reason` of an invoice for a change of plan.
pub(crate) const PLAN_CHANGE: &str = "subscription_update";

/// An invoice of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// The invoice's id, `in_…`. It is never used in a path.
    pub(crate) id: String,
    /// `draft`, `open`, `paid`, `uncollectible` or `void`.
    pub(crate) status: Option<String>,
    /// The billing reason: `subscription_cycle`, `subscription_update` …
    pub(crate) billing_reason: Option<String>,
    /// The creation time, in seconds since the Unix epoch.
    pub(crate) created_s: u64,
    /// The due date, in seconds since the Unix epoch, of an invoice that is sent rather than charged.
    pub(crate) due_s: Option<u64>,
    /// The prices that the invoice charges for a whole period; for a change of plan, the prices that it
    /// refunds. Empty if the lines are incomplete or cannot be parsed.
    pub(crate) renews: Vec<RenewedPrice>,
}

/// A price that an invoice charges for a whole period, or refunds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RenewedPrice {
    /// The price's id.
    pub(crate) price: String,
    /// The id of the price's product.
    pub(crate) product: String,
}

impl RenewedPrice {
    /// Returns the prices of an invoice. A change of plan charges for the new price and refunds the price
    /// that was paid.
    fn read_invoice(invoice: Object<'_>) -> Option<Vec<Self>> {
        let lines = invoice.object("lines").ok()??;
        if lines.is_set("has_more").ok()? {
            return None;
        }
        let is_change = invoice.text("billing_reason").ok()? == Some(PLAN_CHANGE);
        let mut renewed = Vec::new();
        for line in lines.page().ok()? {
            let line = Object::from_value(line).ok()?;
            let parent = line.object("parent").ok()?;
            let item = parent.and_then(|parent| parent.object("subscription_item_details").ok()?);
            let is_set = |object: Object<'_>| object.is_set("proration") != Ok(false);
            let is_proration = is_set(line) || item.is_some_and(is_set);
            let is_other = parent.is_some() && item.is_none();
            let is_refund = line.member("amount").and_then(Value::as_i64).is_some_and(|amount| amount < 0);
            let counts = if is_change { is_refund } else { !is_other && !is_proration };
            if counts {
                renewed.push(Self::read(line)?);
            }
        }
        Some(renewed)
    }

    /// Reads the price of a line. API versions before 2025-03-31 have the price object on the line.
    fn read(line: Object<'_>) -> Option<Self> {
        let pricing =
            line.object("pricing").ok()?.and_then(|pricing| pricing.object("price_details").ok()?);
        let (price, product) = match pricing {
            Some(details) => (details.id_of("price").ok()??, details.id_of("product").ok()??),
            None => {
                let price = line.object("price").ok()??;
                (price.text("id").ok()??, price.id_of("product").ok()??)
            }
        };
        Some(RenewedPrice { price: price.to_owned(), product: product.to_owned() })
    }
}

impl Invoice {
    pub(super) fn read(object: Object<'_>) -> Result<Self, UnreadableError> {
        Ok(Invoice {
            id: object.needed_text("id")?.to_owned(),
            status: object.owned_text("status")?,
            billing_reason: object.owned_text("billing_reason")?,
            created_s: object.needed_number("created")?,
            due_s: object.number("due_date")?,
            renews: RenewedPrice::read_invoice(object).unwrap_or_default(),
        })
    }

    /// Returns the time since which the invoice is due, in seconds since the Unix epoch: the due date of a
    /// sent invoice, or the creation time of any other.
    pub(crate) fn due_since_s(&self) -> u64 {
        self.due_s.unwrap_or(self.created_s)
    }

    /// Returns whether the invoice is for a change of plan and is not paid.
    pub(crate) fn is_unpaid_plan_change(&self) -> bool {
        self.billing_reason.as_deref() == Some(PLAN_CHANGE) && self.status.as_deref() != Some("paid")
    }
}

/// A summary of the open invoices of one subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenInvoices {
    /// The time since which the oldest is due, in seconds since the Unix epoch. `None` if no invoice is open.
    pub oldest_s: Option<u64>,
    /// The prices that the oldest charges for a whole period, which are those before the payment failed.
    /// Empty if unknown.
    pub(crate) renews: Vec<RenewedPrice>,
    /// Whether one of them is for a change of plan.
    pub(crate) plan_change: bool,
    /// Whether one of them cannot be parsed.
    pub(crate) unreadable: bool,
}

impl OpenInvoices {
    /// Parses the response to [`list_open_invoices`](super::api::StripeApi::list_open_invoices).
    ///
    /// One page is enough: a hundred open invoices take longer than any grace period. An invoice that cannot
    /// be parsed is reported in `unreadable`, and the others are read.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a list.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        let mut open = OpenInvoices::default();
        for object in Object::from_value(&wire::value(body)?)?.page()? {
            match Object::from_value(object).and_then(Invoice::read) {
                Ok(invoice) => open.add(&invoice),
                Err(_) => open.unreadable = true,
            }
        }
        Ok(open)
    }

    fn add(&mut self, invoice: &Invoice) {
        let since_s = invoice.due_since_s();
        if self.oldest_s.is_none_or(|oldest_s| since_s <= oldest_s) {
            self.oldest_s = Some(since_s);
            self.renews.clone_from(&invoice.renews);
        }
        self.plan_change |= invoice.is_unpaid_plan_change();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(invoices: &str) -> OpenInvoices {
        OpenInvoices::parse(format!(r#"{{"data": [{invoices}], "has_more": false}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn the_oldest_open_invoice_says_since_when() {
        let cycle = |created, due| {
            format!(
                r#"{{"id": "in_{created}", "status": "open", "billing_reason": "subscription_cycle",
                    "created": {created}, "due_date": {due}}}"#
            )
        };
        let cases = [
            ("none", String::new(), None),
            ("one that is charged", cycle(100, "null"), Some(100)),
            ("one that is sent is owed from its due date", cycle(100, "900"), Some(900)),
            (
                "newest first, as Stripe lists them",
                format!("{},{}", cycle(200, "null"), cycle(100, "null")),
                Some(100),
            ),
            ("sent early but due late", format!("{},{}", cycle(200, "null"), cycle(100, "900")), Some(200)),
        ];
        for (why, invoices, want) in cases {
            let want = OpenInvoices { oldest_s: want, ..OpenInvoices::default() };
            assert_eq!(read(&invoices), want, "{why}");
        }
    }

    #[test]
    fn an_unpaid_change_of_plan_is_seen_among_other_invoices() {
        let cases = [
            (
                "the change is open",
                r#"{"id":"in_1","status":"open","billing_reason":"subscription_update","created":1}"#,
                true,
            ),
            (
                "a void one was not paid",
                r#"{"id":"in_1","status":"void","billing_reason":"subscription_update","created":1}"#,
                true,
            ),
            (
                "the change was paid",
                r#"{"id":"in_1","status":"paid","billing_reason":"subscription_update","created":1}"#,
                false,
            ),
            (
                "a renewal",
                r#"{"id":"in_1","status":"open","billing_reason":"subscription_cycle","created":1}"#,
                false,
            ),
            ("no reason given", r#"{"id":"in_1","status":"open","billing_reason":null,"created":1}"#, false),
        ];
        for (why, invoice, want) in cases {
            let renewal =
                r#"{"id":"in_2","status":"open","billing_reason":"subscription_cycle","created":2}"#;
            assert_eq!(read(&format!("{renewal},{invoice}")).plan_change, want, "{why}");
        }
    }

    #[test]
    fn an_unreadable_invoice_is_reported_and_the_others_are_read() {
        let deleted = r#"{"id": "in_1", "object": "invoice", "deleted": true}"#;
        let good = r#"{"id": "in_2", "status": "open", "billing_reason": null, "created": 7}"#;
        for (why, invoices, oldest_s) in [
            ("the only one", deleted.to_owned(), None),
            ("one of two", format!("{deleted}, {good}"), Some(7)),
            ("no object at all", format!("null, {good}"), Some(7)),
        ] {
            let owed = read(&invoices);
            assert_eq!((owed.oldest_s, owed.unreadable), (oldest_s, true), "{why}");
        }
    }

    #[test]
    fn the_oldest_open_renewal_shows_the_prices_before_the_payment_failed() {
        let invoice = |created: u64, reason: &str, lines: &str| {
            format!(
                r#"{{"id":"in_{created}","status":"open","billing_reason":"{reason}","created":{created},
                    "lines":{{"object":"list","has_more":false,"data":[{lines}]}}}}"#
            )
        };
        let line = |price: &str, proration: bool| {
            format!(
                r#"{{"parent":{{"type":"subscription_item_details","subscription_item_details":{{"proration":{proration}}}}},
                    "pricing":{{"price_details":{{"price":"{price}","product":"prod_{price}"}}}}}}"#
            )
        };
        let old = |price: &str, proration: bool| {
            format!(r#"{{"proration":{proration},"price":{{"id":"{price}","product":"prod_{price}"}}}}"#)
        };
        let item = r#"{"parent":{"type":"invoice_item_details","invoice_item_details":{}},"pricing":null}"#;
        let both = |a: String, b: String| format!("{a},{b}");
        let cycle = "subscription_cycle";
        let cases = [
            ("one price", invoice(1, cycle, &line("a", false)), vec!["a"]),
            ("two", invoice(1, cycle, &both(line("a", false), line("b", false))), vec!["a", "b"]),
            (
                "a proration of a change is left out",
                invoice(1, cycle, &both(line("a", false), line("b", true))),
                vec!["a"],
            ),
            (
                "in the layout of older API versions",
                invoice(1, cycle, &both(old("a", false), old("b", true))),
                vec!["a"],
            ),
            (
                "an invoice item is left out",
                invoice(1, cycle, &both(line("a", false), item.into())),
                vec!["a"],
            ),
            (
                "only the oldest of two",
                both(invoice(2, cycle, &line("b", false)), invoice(1, cycle, &line("a", false))),
                vec!["a"],
            ),
            ("the charge of a plan change is left out", invoice(1, PLAN_CHANGE, &line("b", false)), vec![]),
            (
                "the credit of a plan change shows the price before",
                invoice(
                    1,
                    PLAN_CHANGE,
                    &both(line("a", true).replacen('{', "{\"amount\":-5,", 1), line("b", true)),
                ),
                vec!["a"],
            ),
            ("a line that cannot be read", invoice(1, cycle, &both(line("a", false), "{}".into())), vec![]),
            (
                "an incomplete list of lines",
                invoice(1, cycle, &line("a", false)).replace("false,\"data\"", "true,\"data\""),
                vec![],
            ),
            ("no lines", invoice(1, cycle, ""), vec![]),
        ];
        for (why, invoices, want) in cases {
            let renews = read(&invoices).renews;
            assert_eq!(
                renews.iter().map(|renewed| renewed.price.as_str()).collect::<Vec<_>>(),
                want,
                "{why}"
            );
            assert!(
                renews.iter().all(|renewed| renewed.product == format!("prod_{}", renewed.price)),
                "{why}"
            );
        }
    }

    #[test]
    fn garbage_is_an_error_not_an_empty_list() {
        for body in [&b"{}"[..], b"[]", br#"{"data": {}}"#] {
            assert!(OpenInvoices::parse(body).is_err(), "{}", body.escape_ascii());
        }
    }
}
