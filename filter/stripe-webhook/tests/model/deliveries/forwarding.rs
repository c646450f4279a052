//! `mode: forward`: the events that are forwarded to the upstream, and their header fields.

use crate::harness::{Delivered, DeliveryEnd, Model, START_S, WebhookRequest, signed};
use serde_json::json;
use std::collections::BTreeSet;
use tollgate_driver::CalloutResult;

/// Returns the two header fields that are added, and the names of those that are removed.
fn forwarded(delivered: &Delivered) -> (Vec<String>, Vec<String>) {
    let end = delivered.forwarded.as_ref().and_then(|run| run.end.as_ref());
    let Some(DeliveryEnd::Forwarded { added, removed }) = end else { panic!("{delivered:?}") };
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let added = added.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect();
    (added, removed.iter().map(|name| text(name)).collect())
}

fn model() -> (Model, usize) {
    let mut model = Model::configured(json!({"mode": "forward"}));
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    let event =
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[("clerk_user_id", "user_1")]);
    (model, event)
}

#[test]
fn an_event_and_its_duplicates_are_forwarded_with_the_result() {
    let (mut model, event) = model();
    for _ in 0..2 {
        let body = model.world.stripe.events[event].body.clone();
        let mut sending = signed(&body, START_S);
        sending.headers.push(("x-tollgate-stripe-result", "forged".to_owned()));
        sending.headers.push(("x_tollgate_stripe_event", "forged".to_owned()));
        let (added, removed) = forwarded(&model.send(&sending));
        assert_eq!(added, ["x-tollgate-stripe-event: evt_0", "x-tollgate-stripe-result: processed"]);
        assert_eq!(removed, ["x-tollgate-stripe-result", "x_tollgate_stripe_event"]);
    }
    let event = model.world.stripe.emit("invoice.created", r#"{"id":"in_1"}"#, "{}", BTreeSet::new());
    let (added, _) = forwarded(&model.deliver(event));
    assert_eq!(added, ["x-tollgate-stripe-event: evt_1", "x-tollgate-stripe-result: ignored"]);
}

#[test]
fn an_event_is_remembered_after_the_upstream_accepted_it() {
    let (mut model, event) = model();
    for (why, status, result) in [
        ("the first delivery, which the upstream fails to take", 500, "processed"),
        ("so it is synced again, and sent elsewhere", 302, "processed"),
        ("and again, until it is taken", 204, "processed"),
        ("a duplicate is forwarded without a callout", 500, "already_received"),
        ("any response of the upstream", 200, "already_received"),
    ] {
        let delivered = model.deliver(event);
        let (added, _) = forwarded(&delivered);
        assert_eq!(added[1], format!("x-tollgate-stripe-result: {result}"), "{why}");
        assert_eq!(delivered.sent.is_empty(), result == "already_received", "{why}");
        model.respond(delivered, status);
    }
}

#[test]
fn a_failed_event_or_one_of_the_other_mode_is_not_forwarded() {
    let (mut model, event) = model();
    model.fails = |_| Some(CalloutResult::TimedOut);
    assert_eq!(model.deliver(event).response(), (503, "upstream_unavailable"));
    let other_mode =
        model.world.stripe.events[event].body.replace(r#""livemode":true"#, r#""livemode":false"#);
    assert_eq!(model.send(&signed(&other_mode, START_S)).response(), (200, "ignored"));
    assert_eq!(model.send(&signed("{}", START_S)).response(), (400, "invalid_payload"));
}

#[test]
fn no_unverified_request_to_the_webhook_path_is_forwarded() {
    let (mut model, _) = model();
    let mut sends = |path: &'static str, field: (&'static str, &str)| {
        let headers = vec![(field.0, field.1.to_owned())];
        let delivered = model.send(&WebhookRequest { path, headers, ..signed("{}", START_S) });
        if delivered.forwarded.is_some() { 200 } else { delivered.status }
    };
    for (why, path, field, status) in [
        ("another path", "/webhooks/clerk", ("accept", "*/*"), 200),
        ("a format's suffix", "/webhooks/stripe.json", ("accept", "*/*"), 400),
        ("decoded twice", "/webhooks/%2573tripe", ("accept", "*/*"), 400),
        ("a header field that replaces the path", "/free", ("x-original-url", "/webhooks/stripe"), 400),
        ("in another spelling", "/free", ("x_rewrite_url", "https://x/Webhooks/stripe/?x"), 400),
        ("one that replaces it by another", "/free", ("x-original-url", "/webhooks/clerk"), 200),
        ("an address in a segment", "/reports/ada%40example.com", ("accept", "*/*"), 200),
    ] {
        assert_eq!(sends(path, field), status, "{why}: {path}");
    }
}
