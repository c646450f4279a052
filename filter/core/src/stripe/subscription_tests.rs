//! Subscriptions of both layouts, expanded and not, and what is refused.
#![allow(clippy::arithmetic_side_effects)]

use super::*;
use serde_json::{Value, json};

fn item(price: &str) -> Value {
    json!({"id": "si_1", "object": "subscription_item", "current_period_end": 500, "quantity": 1,
        "price": {"id": price, "object": "price", "lookup_key": null, "metadata": {}, "product": "prod_1"}})
}

/// As Stripe answers it, with the given fields changed.
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

fn parse(changes: &Value) -> Result<Subscription, Unreadable> {
    Subscription::parse(subscription(changes).to_string().as_bytes())
}

fn page(subscriptions: &[Value], has_more: bool) -> Result<Page, Unreadable> {
    let body =
        json!({"object": "list", "data": subscriptions, "has_more": has_more, "url": "/v1/subscriptions"});
    Page::parse(body.to_string().as_bytes())
}

#[test]
fn a_subscription_is_read_as_it_stands_in_a_list() {
    let read = parse(&json!({})).unwrap();
    assert_eq!(read.id.as_str(), "sub_1");
    assert_eq!((read.customer.as_str(), read.customer_object), ("cus_1", None));
    assert_eq!(read.status, Status::Active);
    assert_eq!(read.metadata.get("clerk_user_id"), Some("user_1"));
    assert_eq!((read.created_s, read.cancel_at_period_end, read.cancel_at_s), (100, false, None));
    assert_eq!((read.items.len(), read.items_cut, read.latest_invoice), (1, false, None));
    assert_eq!(read.items[0].price.product_id(), "prod_1");
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
    assert_eq!(price.product_id(), "prod_9");
    assert!(
        matches!(&price.product, Expandable::Object(product) if product.metadata.get("plan") == Some("team"))
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
        let status = Status::from(text);
        assert!(!matches!(status, Status::Unknown(_)), "{text}");
        assert_eq!((status.as_str(), status.is_live()), (text, live));
    }
    for text in ["", "Active", "cancelled", "on_hold"] {
        assert_eq!(Status::from(text), Status::Unknown(text.to_owned()));
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
fn what_cannot_be_read_spoils_the_page_rather_than_taking_a_plan_away() {
    let cases = [
        ("no status", json!({"status": null})),
        ("a status that is no text", json!({"status": 1})),
        ("no customer", json!({"customer": null})),
        ("no items", json!({"items": null})),
        ("items that are no list", json!({"items": []})),
        ("an item without a price", json!({"items": {"data": [{"price": null}]}})),
        ("a price without a product", json!({"items": {"data": [{"price": {"id": "price_1"}}]}})),
        ("a time that is no number", json!({"created": "yesterday"})),
        ("a time before 1970", json!({"cancel_at": -1})),
    ];
    for (why, changes) in cases {
        assert!(parse(&changes).is_err(), "{why}");
        assert!(page(&[subscription(&json!({})), subscription(&changes)], false).is_err(), "{why}");
    }
    for body in [&b""[..], b"null", b"<html>", b"[]", b"{}", b"\xff", br#"{"data": {}}"#] {
        assert!(Page::parse(body).is_err(), "{}", body.escape_ascii());
    }
}

#[test]
fn items_are_bounded_and_a_cut_list_is_marked() {
    for (count, taken) in [(ITEMS_MAX, true), (ITEMS_MAX + 1, false)] {
        let items = vec![item("price_1"); count];
        assert_eq!(parse(&json!({"items": {"data": items}})).is_ok(), taken, "{count} items");
    }
    let cut = parse(&json!({"items": {"data": [item("price_1")], "has_more": true}})).unwrap();
    assert!(cut.items_cut);
}
