//! Tests of parsing events: each supported kind, in the layouts of old and new API versions, and refused
//! ones.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn event(event_type: &str, object: &Value) -> Value {
    json!({"id": "evt_1", "object": "event", "api_version": "2026-10-28.endive", "created": 100, "type": event_type,
        "livemode": true, "pending_webhooks": 1, "request": {"id": null}, "data": {"object": object}})
}

fn parse(event: &Value) -> Result<Event, EventError> {
    Event::parse(event.to_string().as_bytes())
}

fn read(event_type: &str, object: &Value) -> Event {
    parse(&event(event_type, object)).unwrap()
}

fn ids(event: &Event) -> (Option<&str>, Option<&str>) {
    let names = &event.names;
    (names.customer.as_ref().map(CustomerId::as_str), names.subscription.as_ref().map(SubscriptionId::as_str))
}

#[test]
fn the_types_that_trigger_a_sync_are_these() {
    let object = json!({"id": "cus_1", "customer": "cus_1", "subscription": "sub_1"});
    let subscription = json!({"id": "sub_1", "customer": "cus_1"});
    let cases = [
        ("checkout.session.completed", &object, EventKind::CheckoutSession),
        ("checkout.session.async_payment_succeeded", &object, EventKind::CheckoutSession),
        ("checkout.session.async_payment_failed", &object, EventKind::NoWork),
        ("checkout.session.expired", &object, EventKind::NoWork),
        ("customer.subscription.created", &subscription, EventKind::Subscription),
        ("customer.subscription.updated", &subscription, EventKind::Subscription),
        ("customer.subscription.deleted", &subscription, EventKind::Subscription),
        ("customer.subscription.paused", &subscription, EventKind::Subscription),
        ("customer.subscription.resumed", &subscription, EventKind::Subscription),
        ("customer.subscription.trial_will_end", &subscription, EventKind::Subscription),
        ("customer.subscription.pending_update_applied", &subscription, EventKind::Subscription),
        ("customer.subscription.of_the_future", &subscription, EventKind::Subscription),
        ("customer.subscription", &subscription, EventKind::NoWork),
        ("customer.created", &object, EventKind::NoWork),
        ("customer.updated", &object, EventKind::Customer),
        ("customer.deleted", &object, EventKind::Customer),
        ("customer.source.updated", &object, EventKind::NoWork),
        ("invoice.paid", &object, EventKind::Invoice),
        ("invoice.payment_succeeded", &object, EventKind::Invoice),
        ("invoice.payment_failed", &object, EventKind::Invoice),
        ("invoice.payment_action_required", &object, EventKind::Invoice),
        ("invoice.created", &object, EventKind::NoWork),
        ("invoice.upcoming", &object, EventKind::NoWork),
        ("charge.dispute.created", &object, EventKind::NoWork),
        ("v1.customer.subscription.updated", &object, EventKind::NoWork),
        ("", &object, EventKind::NoWork),
    ];
    for (event_type, object, want) in cases {
        let event = read(event_type, object);
        assert_eq!(event.kind, want, "{event_type}");
        assert_eq!(event.event_type, event_type);
    }
}

#[test]
fn the_envelope_says_when_and_of_which_mode_and_account() {
    let mut value = event("customer.updated", &json!({"id": "cus_1"}));
    let plain = parse(&value).unwrap();
    assert_eq!((plain.id.as_str(), plain.created_s), ("evt_1", Some(100)));
    assert_eq!((plain.livemode, plain.account), (Some(true), None));
    value["livemode"] = json!(false);
    value["account"] = json!("acct_1");
    let connected = parse(&value).unwrap();
    assert_eq!((connected.livemode, connected.account.as_deref()), (Some(false), Some("acct_1")));
}

#[test]
fn a_checkout_session_names_customer_subscription_and_reference() {
    let session = json!({"id": "cs_1", "object": "checkout.session", "mode": "subscription", "customer": "cus_1",
        "subscription": "sub_1", "client_reference_id": "user_1", "metadata": {"clerk_user_id": "user_2"}});
    let event = read("checkout.session.completed", &session);
    assert_eq!(ids(&event), (Some("cus_1"), Some("sub_1")));
    assert_eq!(event.names.object.as_deref(), Some("cs_1"));
    assert_eq!(event.names.client_reference_id.as_deref(), Some("user_1"));
    assert_eq!(event.names.mode.as_deref(), Some("subscription"));
    assert_eq!(event.names.metadata.get("clerk_user_id"), Some("user_2"));
}

#[test]
fn a_single_payment_is_no_work() {
    let cases = [
        ("checkout.session.completed", json!({"id": "cs_1", "mode": "payment", "subscription": null})),
        ("checkout.session.completed", json!({"id": "cs_1", "mode": "setup", "customer": "cus_1"})),
        ("invoice.paid", json!({"id": "in_1", "customer": "cus_1", "parent": null})),
        (
            "invoice.paid",
            json!({"id": "in_1", "parent": {"type": "quote_details", "subscription_details": null}}),
        ),
    ];
    for (event_type, object) in cases {
        assert_eq!(read(event_type, &object).kind, EventKind::NoWork, "{object}");
    }
}

#[test]
fn a_subscription_event_names_itself_and_what_its_metadata_was() {
    let mut value = event(
        "customer.subscription.updated",
        &json!({"id": "sub_1", "customer": {"id": "cus_1"}, "metadata": {"clerk_user_id": "user_new"}}),
    );
    value["data"]["previous_attributes"] = json!({"metadata": {"clerk_user_id": "user_old", "added": null},
        "items": {"data": []}, "status": "trialing"});
    let event = parse(&value).unwrap();
    assert_eq!(ids(&event), (Some("cus_1"), Some("sub_1")));
    assert_eq!(event.names.metadata.get("clerk_user_id"), Some("user_new"));
    let previous: Vec<_> = event.names.previous_metadata.iter().collect();
    assert_eq!(previous, [("clerk_user_id", "user_old")], "a key that was not there had no value");
}

#[test]
fn a_customer_event_names_itself() {
    let event =
        read("customer.deleted", &json!({"id": "cus_1", "object": "customer", "metadata": {"a": "b"}}));
    assert_eq!(ids(&event), (Some("cus_1"), None));
    assert_eq!(event.names.metadata.get("a"), Some("b"));
}

#[test]
fn an_invoice_names_its_subscription_in_both_layouts() {
    let old_details = json!({"id": "in_1", "customer": "cus_1", "subscription": "sub_1",
        "subscription_details": {"metadata": {"clerk_user_id": "user_1"}}});
    let cases = [
        (
            "since 2025-03-31",
            json!({"id": "in_1", "customer": "cus_1", "parent": {"type": "subscription_details",
            "subscription_details": {"subscription": "sub_1", "metadata": {"clerk_user_id": "user_1"}}}}),
        ),
        ("before", old_details),
        (
            "expanded",
            json!({"id": "in_1", "customer": "cus_1", "parent": {"subscription_details":
            {"subscription": {"id": "sub_1"}, "metadata": {"clerk_user_id": "user_1"}}}}),
        ),
    ];
    for (why, invoice) in cases {
        let event = read("invoice.paid", &invoice);
        assert_eq!(ids(&event), (Some("cus_1"), Some("sub_1")), "{why}");
        assert_eq!(event.names.subscription_metadata.get("clerk_user_id"), Some("user_1"), "{why}");
        assert_eq!(event.names.payment_failure, None, "{why}");
    }
}

#[test]
fn a_failed_payment_is_final_without_a_next_attempt_or_at_the_third() {
    let cases = [
        (json!(1), json!(900), false),
        (json!(2), json!(900), false),
        (json!(3), json!(900), true),
        (json!(4), json!(900), true),
        (json!(1), json!(null), true),
    ];
    for (attempts, next, want) in cases {
        let invoice = json!({"id": "in_1", "subscription": "sub_1", "attempt_count": attempts,
            "next_payment_attempt": next, "billing_reason": "subscription_cycle"});
        let failure = read("invoice.payment_failed", &invoice).names.payment_failure.unwrap();
        assert_eq!(failure.is_final(), want, "{attempts} {next}");
        assert_eq!(json!(failure.attempt_count), attempts);
        assert_eq!(json!(failure.next_attempt_s), next);
        assert_eq!(failure.billing_reason.as_deref(), Some("subscription_cycle"));
    }
}

/// Returns a thin event like the one in Stripe's documentation.
fn thin(event_type: &str, related: &Value) -> Value {
    json!({"id": "evt_test_65", "object": "v2.core.event", "type": event_type, "livemode": false,
        "created": "2026-09-17T06:20:52.246Z", "context": null, "reason": null, "related_object": related})
}

#[test]
fn a_thin_event_names_its_subscription() {
    let related =
        json!({"id": "sub_1", "type": "subscription", "url": "https://evil.example/v1/subscriptions/sub_1"});
    let mut value = thin("v1.customer.subscription.updated", &related);
    let event = parse(&value).unwrap();
    assert_eq!((event.kind, ids(&event)), (EventKind::Subscription, (None, Some("sub_1"))));
    assert_eq!((event.livemode, event.created_s, event.account), (Some(false), None, None));
    value["context"] = json!("acct_1");
    assert_eq!(parse(&value).unwrap().account.as_deref(), Some("acct_1"));
}

#[test]
fn other_thin_events_are_no_work() {
    for event_type in
        ["v1.billing.meter.no_meter_found", "v2.core.event_destination.ping", "customer.updated"]
    {
        assert_eq!(parse(&thin(event_type, &json!(null))).unwrap().kind, EventKind::NoWork, "{event_type}");
    }
}

#[test]
fn an_event_that_needs_no_work_is_read_no_further_than_its_envelope() {
    for object in [json!(null), json!([]), json!({"customer": 7, "metadata": "x", "id": {}})] {
        assert_eq!(read("invoice.created", &object).names, Names::default(), "{object}");
    }
    let bare = json!({"id": "evt_1", "type": "invoice.created"});
    assert_eq!(parse(&bare).unwrap().kind, EventKind::NoWork);
}

#[test]
fn ids_that_do_not_look_like_stripes_are_left_out_and_named() {
    let session = json!({"id": "cs_1", "customer": "cus_1/../x", "subscription": "sub_1"});
    let event = read("checkout.session.completed", &session);
    assert_eq!(ids(&event), (None, Some("sub_1")));
    assert_eq!(event.names.skipped, ["cus_1/../x"]);
}

#[test]
fn the_change_of_all_metadata_keys_is_read_whole() {
    for keys in [26, 50, 500] {
        let pairs = |name: &'static str| (0..keys).map(move |n| (format!("{name}{n}"), json!("x")));
        let previous: serde_json::Map<_, _> =
            pairs("old").chain(pairs("new").map(|(key, _)| (key, json!(null)))).collect();
        let mut event =
            event("customer.updated", &json!({"id": "cus_1", "metadata": {"clerk_user_id": "user_1"}}));
        event["data"]["previous_attributes"] = json!({"metadata": previous});
        let names = parse(&event).unwrap().names;
        assert_eq!(names.previous_metadata.iter().count(), keys, "those that were there before");
        assert_eq!(names.metadata.get("clerk_user_id"), Some("user_1"));
    }
}

#[test]
fn what_cannot_be_held_spoils_no_event_and_is_no_id() {
    let body = r#"{"id": "evt_1", "type": "TYPE", "x": ["\ud83d", 1e999], "data": {"object": {
        "id": "ID", "customer": "cus_1", "subscription": "sub_1", "metadata": {"\ud83d": "a", "k": "\udc00"}}}}"#;
    for event_type in ["invoice.created", "customer.updated", "customer.subscription.updated", "invoice.paid"]
    {
        let id = if event_type.starts_with("customer.s") { "sub_1" } else { "cus_1" };
        let event = Event::parse(body.replace("TYPE", event_type).replace("ID", id).as_bytes()).unwrap();
        assert_eq!(event.kind == EventKind::NoWork, event_type == "invoice.created", "{event_type}");
    }
    let event =
        Event::parse(body.replace("TYPE", "customer.updated").replace("ID", r"cus_\ud83d").as_bytes());
    let event = event.unwrap();
    assert_eq!((event.kind, event.names.customer), (EventKind::NoWork, None));
    assert_eq!(event.names.skipped, ["cus_\u{fffd}"]);
    let id = body.replace("TYPE", "customer.updated").replace("evt_1", r"evt_\ud83d");
    assert!(Event::parse(id.as_bytes()).is_err());
}

#[test]
fn members_that_nothing_depends_on_may_be_anything() {
    for odd in [json!(null), json!(-1), json!(1.5), json!("x"), json!([]), json!({})] {
        let object = json!({"id": "in_1", "customer": "cus_1", "subscription": "sub_1", "attempt_count": odd,
            "next_payment_attempt": odd, "billing_reason": odd, "mode": odd, "client_reference_id": odd});
        let mut event = event("invoice.payment_failed", &object);
        event["livemode"] = odd.clone();
        event["created"] = odd.clone();
        assert_eq!(parse(&event).unwrap().kind, EventKind::Invoice, "{odd}");
    }
}

#[test]
fn ids_that_the_seller_chose_are_taken() {
    let event = read("customer.updated", &json!({"id": "10482", "object": "customer"}));
    assert_eq!((event.kind, ids(&event)), (EventKind::Customer, (Some("10482"), None)));
    let event =
        read("invoice.paid", &json!({"id": "in_1", "customer": "ada@example.com", "subscription": "sub_1"}));
    assert_eq!(ids(&event), (Some("ada@example.com"), Some("sub_1")));
}

#[test]
fn an_event_about_nothing_but_an_id_that_is_left_out_needs_no_work() {
    for (event_type, id) in [("customer.updated", "a/b"), ("customer.subscription.updated", "sub_1%2f")] {
        let event = read(event_type, &json!({"id": id}));
        assert_eq!(event.kind, EventKind::NoWork, "{event_type}");
        assert_eq!(event.names.skipped, [id]);
    }
    let related = json!({"id": "sub/1", "type": "subscription"});
    let event = parse(&thin("v1.customer.subscription.updated", &related)).unwrap();
    assert_eq!((event.kind, event.names.skipped), (EventKind::NoWork, vec!["sub/1".to_owned()]));
}

#[test]
fn what_is_no_event_is_an_invalid_payload() {
    let nameless = |event_type| event(event_type, &json!({"name": "x"})).to_string();
    let with = |field: &str, value: Value| {
        let mut event = event("customer.updated", &json!({"id": "cus_1"}));
        event[field] = value;
        event.to_string()
    };
    let cases = [
        ("empty", String::new()),
        ("no JSON", "hello".to_owned()),
        ("cut", r#"{"id": "evt_1", "type": "customer.up"#.to_owned()),
        ("more behind it", format!("{}x", with("a", json!(1)))),
        ("a list", "[]".to_owned()),
        ("no type", r#"{"id": "evt_1", "object": "event"}"#.to_owned()),
        ("no id", r#"{"object": "event", "type": "invoice.created"}"#.to_owned()),
        ("an id of another kind", with("id", json!("cus_1"))),
        ("an id that would break a header", with("id", json!("evt_1\r\nx: y"))),
        ("another object", with("object", json!("customer"))),
        ("no data", with("data", json!(null))),
        ("data without an object", with("data", json!({}))),
        ("metadata that is none", with("data", json!({"object": {"id": "cus_1", "metadata": 1}}))),
        ("a subscription without an id", nameless("customer.subscription.updated")),
        ("a customer without an id", nameless("customer.updated")),
        (
            "a thin event without its object",
            thin("v1.customer.subscription.updated", &json!(null)).to_string(),
        ),
        (
            "a thin event with another object",
            thin("v1.customer.subscription.updated", &json!({"id": "sub_1", "type": "invoice"})).to_string(),
        ),
        ("nested deeper than anything of Stripe's", "[".repeat(100_000)),
    ];
    for (why, body) in cases {
        assert!(Event::parse(body.as_bytes()).is_err(), "{why}");
    }
    assert!(Event::parse(b"{\"id\": \"evt_1\", \"type\": \"\xff\"}").is_err(), "not UTF-8");
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Event::parse(&body).is_err());
    }

    #[test]
    fn no_odd_field_panics(
        field in proptest::sample::select(vec!["id", "customer", "subscription", "metadata", "parent", "attempt_count"]),
        value in proptest::sample::select(vec![json!(null), json!(-1), json!(1e300), json!([]), json!({}), json!("")]),
        event_type in proptest::sample::select(vec!["customer.updated", "invoice.payment_failed", "checkout.session.completed"]),
    ) {
        let mut object = json!({"id": "cus_1", "customer": "cus_1", "subscription": "sub_1"});
        object[field] = value;
        if let Ok(event) = parse(&event(event_type, &object)) {
            let nameless = event.names.customer.is_none() && event.names.subscription.is_none();
            prop_assert!(!nameless || event.kind == EventKind::NoWork);
        }
    }
}
