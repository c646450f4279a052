//! Stripe's objects in JSON.

use super::{FakeInvoice, FakeMetadata, FakeSession, FakeSubscription, Presence, Stripe};

pub(crate) fn metadata(metadata: &FakeMetadata) -> String {
    serde_json::to_string(metadata).unwrap()
}

/// Writes a subscription, with those parts in full that `expand` names.
pub(crate) fn subscription(stripe: &Stripe, subscription: &FakeSubscription, expand: &[&str]) -> String {
    let FakeSubscription { id, status, created_s, cancel_at_period_end, .. } = subscription;
    let customer = match expand.contains(&"customer") {
        true => customer(stripe, &subscription.customer),
        false => format!(r#""{}""#, subscription.customer),
    };
    let invoices =
        || stripe.invoices.iter().find(|invoice| Some(&invoice.id) == subscription.latest_invoice.as_ref());
    let latest = match (&subscription.latest_invoice, expand.contains(&"latest_invoice")) {
        (None, _) => "null".to_owned(),
        (Some(id), false) => format!(r#""{id}""#),
        (Some(_), true) => invoice(stripe, invoices().unwrap()),
    };
    let products = expand.contains(&"items.data.price.product");
    let items = items(stripe, subscription, products);
    let shown = &items[..items.len().min(ITEMS_SHOWN_MAX)];
    let cut = shown.len() < items.len();
    format!(
        r#"{{"id":"{id}","object":"subscription","customer":{customer},"status":"{status}","created":{created_s},"cancel_at":null,"cancel_at_period_end":{cancel_at_period_end},"metadata":{},"latest_invoice":{latest},"items":{{"object":"list","has_more":{cut},"data":[{}]}}}}"#,
        metadata(&subscription.metadata),
        shown.join(",")
    )
}

/// The maximum number of items that a subscription shows.
const ITEMS_SHOWN_MAX: usize = 10;

/// Writes all items of a subscription.
pub(crate) fn items(stripe: &Stripe, subscription: &FakeSubscription, expand_product: bool) -> Vec<String> {
    let all = subscription.prices.iter().enumerate();
    all.map(|(n, price)| item(stripe, n, price, subscription.period_end_s, expand_product)).collect()
}

fn item(stripe: &Stripe, n: usize, id: &str, period_end_s: u64, expand_product: bool) -> String {
    let price = &stripe.prices[id];
    let product = match expand_product {
        true => product(&price.product, &stripe.products[&price.product]),
        false => format!(r#""{}""#, price.product),
    };
    let lookup_key = serde_json::to_string(&price.lookup_key).unwrap();
    format!(
        r#"{{"id":"si_{n}","current_period_end":{period_end_s},"price":{{"id":"{id}","lookup_key":{lookup_key},"metadata":{},"product":{product}}}}}"#,
        metadata(&price.metadata)
    )
}

pub(crate) fn product(id: &str, described: &FakeMetadata) -> String {
    format!(r#"{{"id":"{id}","object":"product","metadata":{}}}"#, metadata(described))
}

pub(crate) fn customer(stripe: &Stripe, id: &str) -> String {
    match stripe.customers[id].presence {
        Presence::Present | Presence::OtherMode => customer_with(id, &stripe.customers[id].metadata),
        Presence::DeletedAndListed | Presence::DeletedAndMissing => {
            format!(r#"{{"id":"{id}","object":"customer","deleted":true}}"#)
        }
    }
}

pub(crate) fn customer_with(id: &str, described: &FakeMetadata) -> String {
    format!(r#"{{"id":"{id}","object":"customer","metadata":{}}}"#, metadata(described))
}

pub(crate) fn session(session: &FakeSession) -> String {
    let FakeSession { id, subscription, customer, created_s, .. } = session;
    let reference = serde_json::to_string(&session.client_reference_id).unwrap();
    format!(
        r#"{{"id":"{id}","object":"checkout.session","mode":"subscription","subscription":"{subscription}","customer":"{customer}","created":{created_s},"client_reference_id":{reference},"metadata":{}}}"#,
        metadata(&session.metadata)
    )
}

pub(crate) fn invoice(stripe: &Stripe, invoice: &FakeInvoice) -> String {
    let FakeInvoice { id, status, billing_reason, created_s, .. } = invoice;
    // A change of plan gives back what was there before it.
    let amount = if *billing_reason == "subscription_update" { -100 } else { 100 };
    let line = |price: &String| {
        let product = &stripe.prices[price].product;
        format!(
            r#"{{"amount":{amount},"parent":{{"subscription_item_details":{{"proration":false}}}},"pricing":{{"price_details":{{"price":"{price}","product":"{product}"}}}}}}"#
        )
    };
    let lines: Vec<String> = invoice.prices.iter().map(line).collect();
    format!(
        r#"{{"id":"{id}","object":"invoice","status":"{status}","billing_reason":"{billing_reason}","created":{created_s},"due_date":null,"lines":{{"object":"list","has_more":false,"data":[{}]}}}}"#,
        lines.join(",")
    )
}

/// Writes an invoice as the event of its failed payment shows it.
pub(crate) fn failed_invoice(invoice: &FakeInvoice, subscription: &FakeSubscription) -> String {
    let FakeInvoice { id, billing_reason, created_s, .. } = invoice;
    let FakeSubscription { id: owner, customer, .. } = subscription;
    format!(
        r#"{{"id":"{id}","object":"invoice","customer":"{customer}","status":"open","billing_reason":"{billing_reason}","created":{created_s},"attempt_count":1,"next_payment_attempt":{},"metadata":{{}},"parent":{{"subscription_details":{{"subscription":"{owner}","metadata":{}}}}}}}"#,
        created_s + 259_200,
        metadata(&subscription.metadata)
    )
}

/// Writes the `previous_attributes` of a change of a subscription.
pub(crate) fn previous_of_subscription(before: &FakeSubscription, after: &FakeSubscription) -> String {
    let mut members = Vec::new();
    if before.status != after.status {
        members.push(format!(r#""status":"{}""#, before.status));
    }
    if before.cancel_at_period_end != after.cancel_at_period_end {
        members.push(format!(r#""cancel_at_period_end":{}"#, before.cancel_at_period_end));
    }
    if before.prices != after.prices || before.period_end_s != after.period_end_s {
        members.push(r#""items":{"object":"list","data":[]}"#.to_owned());
    }
    if before.latest_invoice != after.latest_invoice {
        members.push(r#""latest_invoice":null"#.to_owned());
    }
    if before.metadata != after.metadata {
        members.push(format!(r#""metadata":{}"#, previous_metadata(&before.metadata, &after.metadata)));
    }
    format!("{{{}}}", members.join(","))
}

/// Writes the keys that changed, with the values that they had; null for one that was not there.
pub(crate) fn previous_metadata(before: &FakeMetadata, after: &FakeMetadata) -> String {
    let changed = before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key));
    let previous: std::collections::BTreeMap<_, _> = changed.map(|key| (key, before.get(key))).collect();
    serde_json::to_string(&previous).unwrap()
}

/// Writes a page of a list.
pub(crate) fn list(objects: &[String], has_more: bool) -> String {
    format!(r#"{{"object":"list","url":"/","has_more":{has_more},"data":[{}]}}"#, objects.join(","))
}
