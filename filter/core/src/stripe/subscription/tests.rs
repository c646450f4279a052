//! Tests of parsing subscriptions: both layouts, expanded or not, and the ones that are refused.
#![allow(clippy::arithmetic_side_effects)]

use super::*;
use crate::stripe::PAGE_OBJECTS_MAX;
use crate::stripe::object::Expandable;
use serde_json::{Value, json};

fn item(price: &str) -> Value {
    json!({"id": "si_1", "object": "subscription_item", "current_period_end": 500, "quantity": 1,
        "price": {"id": price, "object": "price", "lookup_key": null, "metadata": {}, "product": "prod_1"}})
}

/// Returns a subscription as Stripe sends it, with the given fields changed.
fn subscription(changes: &Value) -> Value {
    let mut subscription = json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", "created": 100,
        "metadata": {"clerk_user_id": "user_1"}, "cancel_at_period_end": false, "cancel_at": null,
        "items": {"object": "list", "data": [item("price_1")], "has_more": false, "url": "/v1/x"},
        "latest_invoice": "in_1", "pause_collection": null, "trial_end": null,
    });
    for (field, value) in changes.as_object().unwrap() {
        subscription[field] = value.clone();
    }
    subscription
}

fn parse(changes: &Value) -> Result<Subscription, UnreadableError> {
    Subscription::parse(subscription(changes).to_string().as_bytes())
}

fn page(subscriptions: &[Value], has_more: bool) -> Result<SubscriptionPage, UnreadableError> {
    let body =
        json!({"object": "list", "data": subscriptions, "has_more": has_more, "url": "/v1/subscriptions"});
    SubscriptionPage::parse(body.to_string().as_bytes())
}

#[test]
fn a_subscription_is_read_as_it_stands_in_a_list() {
    let read = parse(&json!({})).unwrap();
    assert_eq!(read.id.as_str(), "sub_1");
    assert_eq!((read.customer.as_str(), read.customer_object), ("cus_1", None));
    assert_eq!(read.status, SubscriptionStatus::Active);
    assert_eq!(read.metadata.get("clerk_user_id"), Some("user_1"));
    assert_eq!((read.created_s, read.cancel_at_period_end, read.cancel_at_s), (100, false, None));
    assert_eq!((read.items.len(), read.items_truncated, read.latest_invoice), (1, false, None));
    assert_eq!(read.items[0].price.product_id(), Some("prod_1"));
}

#[test]
fn expanded_fields_are_read_as_objects() {
    let read = parse(&json!({
        "customer": {"id": "cus_1", "object": "customer", "metadata": {"clerk_user_id": "user_2"}},
        "latest_invoice": {"id": "in_1", "object": "invoice", "status": "open", "created": 7, "due_date": null,
            "billing_reason": "subscription_update"},
        "items": {"data": [{"current_period_end": 500, "price": {"id": "price_1", "lookup_key": "pro_monthly",
            "metadata": {"plan": "pro"}, "product": {"id": "prod_9", "metadata": {"plan": "team"}}}}]},
    }))
    .unwrap();
    assert_eq!(read.customer.as_str(), "cus_1");
    assert_eq!(read.customer_object.unwrap().metadata.get("clerk_user_id"), Some("user_2"));
    assert!(read.latest_invoice.unwrap().is_unpaid_plan_change());
    let price = &read.items[0].price;
    assert_eq!((price.lookup_key.as_deref(), price.metadata.get("plan")), (Some("pro_monthly"), Some("pro")));
    assert_eq!(price.product_id(), Some("prod_9"));
    assert!(
        matches!(&price.product, Some(Expandable::Object(product)) if product.metadata.get("plan") == Some("team"))
    );
}

#[test]
fn a_deleted_customer_that_was_expanded_keeps_only_its_id() {
    let read = parse(&json!({"customer": {"id": "cus_1", "object": "customer", "deleted": true}})).unwrap();
    assert!(read.customer_object.unwrap().deleted);
}

#[test]
fn the_period_end_is_read_in_both_places() {
    let old_item = json!({"data": [{"price": item("price_1")["price"]}]});
    let mut later = item("price_2");
    later["current_period_end"] = json!(900);
    let cases = [
        ("on the item, since 2025-03-31", json!({}), Some(500)),
        ("on the subscription, before", json!({"items": old_item, "current_period_end": 700}), Some(700)),
        ("on both: the item's", json!({"current_period_end": 700}), Some(500)),
        ("nowhere", json!({"items": old_item}), None),
        ("several items: the last", json!({"items": {"data": [item("price_1"), later]}}), Some(900)),
        ("no items", json!({"items": {"data": []}, "current_period_end": 700}), None),
    ];
    for (why, changes, want) in cases {
        assert_eq!(parse(&changes).unwrap().current_period_end_s(), want, "{why}");
    }
}

#[test]
fn every_status_is_written_as_it_was_read() {
    let known = [
        ("active", true),
        ("trialing", true),
        ("past_due", true),
        ("unpaid", true),
        ("paused", true),
        ("incomplete", true),
        ("incomplete_expired", false),
        ("canceled", false),
    ];
    for (text, live) in known {
        let status = SubscriptionStatus::from(text);
        assert!(!matches!(status, SubscriptionStatus::Unknown(_)), "{text}");
        assert_eq!((status.as_str(), status.is_live()), (text, live));
    }
    for text in ["", "Active", "cancelled", "on_hold"] {
        assert_eq!(SubscriptionStatus::from(text), SubscriptionStatus::Unknown(text.to_owned()));
    }
}

#[test]
fn a_page_says_where_the_next_one_starts() {
    let two = [subscription(&json!({"id": "sub_2"})), subscription(&json!({"id": "sub_1"}))];
    let last_page = page(&two, false).unwrap();
    assert_eq!((last_page.subscriptions.len(), last_page.next), (2, None));
    let first_page = page(&two, true).unwrap();
    assert_eq!(first_page.next.unwrap().as_str(), "sub_1");
    assert_eq!(page(&[], false).unwrap().subscriptions, []);
    assert!(page(&[], true).is_err(), "more, but nowhere to go on: asking again would never end");
}

#[test]
fn an_id_that_is_not_stripes_is_left_out_and_named() {
    let read = page(
        &[
            subscription(&json!({"id": "sub_1/../../v1/x"})),
            subscription(&json!({"customer": "cus_1?x"})),
            subscription(&json!({})),
        ],
        false,
    )
    .unwrap();
    assert_eq!(read.skipped, ["sub_1/../../v1/x", "cus_1?x"]);
    assert_eq!(read.subscriptions.len(), 1);
    assert!(page(&[subscription(&json!({"id": "x"}))], true).is_err(), "it is where the next page starts");
    assert!(parse(&json!({"id": "x"})).is_err());
}

#[test]
fn a_part_that_cannot_be_read_is_named_and_the_rest_is_taken() {
    let item_and = |other: Value| json!({"items": {"data": [item("price_1"), other]}});
    let priced = |price: Value| item_and(json!({"id": "si_2", "price": price}));
    let deleted = json!({"id": "in_1", "object": "invoice", "deleted": true});
    let cases = [
        ("an item without a price", item_and(json!({"id": "si_2", "price": null})), UnreadablePart::Item, 1),
        ("an item that is none", item_and(json!(7)), UnreadablePart::Item, 1),
        ("a price without an id", priced(json!({"product": "prod_1"})), UnreadablePart::Item, 1),
        ("a deleted invoice", json!({"latest_invoice": deleted}), UnreadablePart::LatestInvoice, 1),
        ("an invoice that is none", json!({"latest_invoice": 7}), UnreadablePart::LatestInvoice, 1),
        ("a time before 1970", json!({"cancel_at": -1}), UnreadablePart::End, 1),
        ("neither yes nor no", json!({"cancel_at_period_end": null}), UnreadablePart::End, 1),
    ];
    for (why, changes, part, items) in cases {
        let read = parse(&changes).unwrap();
        let got: Vec<_> = read.unreadable.iter().copied().collect();
        assert_eq!((got, read.items.len(), read.items_truncated), (vec![part], items, false), "{why}");
        assert_eq!((read.status, read.latest_invoice), (SubscriptionStatus::Active, None), "{why}");
    }
    for (why, changes) in [
        ("discounts of any form", json!({"discounts": [null, {"id": 7}], "discount": "x"})),
        ("members that are not read", json!({"schedule": 7, "default_payment_method": {"id": null}})),
    ] {
        assert!(parse(&changes).unwrap().unreadable.is_empty(), "{why}");
    }
}

#[test]
fn a_price_is_read_if_only_its_id_is_valid() {
    let cases = [
        ("no product", json!({"id": "price_2"})),
        ("a product without an id", json!({"id": "price_2", "product": {"deleted": true}})),
        ("a lookup key that is no text", json!({"id": "price_2", "product": "prod_1", "lookup_key": 7})),
        ("metadata that are none", json!({"id": "price_2", "product": "prod_1", "metadata": []})),
    ];
    for (why, price) in cases {
        let read = parse(&json!({"items": {"data": [{"id": "si_1", "price": price}]}})).unwrap();
        assert_eq!(read.items[0].price.id, "price_2", "{why}");
        assert!(read.items[0].price.unreadable && read.unreadable.is_empty(), "{why}");
    }
    let gone = json!({"id": "price_2", "product": {"id": "prod_1", "object": "product", "deleted": true}});
    let read = parse(&json!({"items": {"data": [{"id": "si_1", "price": gone}]}})).unwrap();
    assert!(!read.items[0].price.unreadable, "a deleted product is what Stripe describes");
}

#[test]
fn a_subscription_without_a_customer_is_skipped_and_the_rest_read() {
    let cases = [
        ("no status", json!({"status": null})),
        ("a status that is no text", json!({"status": 1})),
        ("no customer", json!({"customer": null})),
        ("a time that is no number", json!({"created": "yesterday"})),
        ("metadata that are none", json!({"metadata": 7})),
    ];
    for (why, mut changes) in cases {
        assert!(parse(&changes).is_err(), "{why}");
        changes["id"] = json!("sub_2");
        let read = page(&[subscription(&json!({})), subscription(&changes)], true).unwrap();
        assert_eq!((read.subscriptions.len(), read.unreadable.len()), (1, 1), "{why}");
        assert_eq!(read.next.unwrap().as_str(), "sub_2", "{why}: the next page starts after it");
    }
}

#[test]
fn what_is_no_page_is_an_error_rather_than_an_empty_one() {
    for body in [&b""[..], b"null", b"<html>", b"[]", b"{}", b"\xff", br#"{"data": {}}"#, br#"{"data": [7]}"#]
    {
        assert!(SubscriptionPage::parse(body).is_err(), "{}", body.escape_ascii());
        assert!(
            ItemsPage::parse(body).is_err() || body.starts_with(br#"{"data": [7"#),
            "{}",
            body.escape_ascii()
        );
    }
}

#[test]
fn items_are_bounded_and_a_cut_list_is_marked() {
    let items = vec![item("price_1"); PAGE_OBJECTS_MAX];
    assert_eq!(parse(&json!({"items": {"data": items}})).unwrap().items.len(), PAGE_OBJECTS_MAX);
    for (why, items, count) in [
        ("Stripe shows ten", json!({"data": [item("price_1")], "has_more": true}), 1),
        ("whether there are more cannot be read", json!({"data": [item("price_1")], "has_more": null}), 1),
        ("no items", json!(null), 0),
        ("items that are no list", json!([]), 0),
        ("more than are taken", json!({"data": vec![item("price_1"); PAGE_OBJECTS_MAX + 1]}), 0),
    ] {
        let mut truncated = parse(&json!({"items": items})).unwrap();
        assert_eq!(
            (truncated.items_truncated, truncated.items.len(), truncated.unreadable.is_empty()),
            (true, count, true),
            "{why}"
        );
        let items = parse(&json!({})).unwrap().items;
        truncated.set_items(items.clone(), false, true);
        assert_eq!((truncated.items_truncated, truncated.items), (false, items), "{why}");
    }
}

#[test]
fn a_page_of_items_says_where_the_next_one_starts() {
    let read = |items: Value, has_more: bool| {
        ItemsPage::parse(
            json!({"object": "list", "data": items, "has_more": has_more}).to_string().as_bytes(),
        )
        .unwrap()
    };
    let page = read(json!([item("price_1"), item("price_2")]), true);
    assert_eq!((page.items.len(), page.unreadable, page.has_more), (2, false, true));
    assert_eq!(page.last.unwrap().as_str(), "si_1");
    assert_eq!(page.items[1].current_period_end_s, Some(500));
    let odd = read(json!([item("price_1"), {"id": "si/2", "price": null}]), true);
    assert_eq!((odd.items.len(), odd.unreadable, odd.last), (1, true, None));
    assert_eq!(read(json!([]), false), ItemsPage::default());
}
