//! All responses to Stripe.

use crate::harness::{FakeResponse, Model, START_S, Stripe, WebhookRequest, is_to, signature, signed};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tollgate_core::http::Callout;
use tollgate_driver::CalloutResult;

/// Creates a user who buys Pro. Returns the number of the event.
fn buy(model: &mut Model) -> usize {
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[("clerk_user_id", "user_1")])
}

fn post<'a>(body: &'a [u8], signature: Option<String>) -> WebhookRequest<'a> {
    let headers = signature.map(|value| ("stripe-signature", value)).into_iter().collect();
    WebhookRequest { method: "POST", path: "/webhooks/stripe", headers, body }
}

#[test]
fn an_unsigned_request_is_refused_with_its_code() {
    let right = |body: &[u8], at: u64| Some(format!("t={at},v1={}", signature(body, at)));
    let (at, body) = (START_S, &b"{}"[..]);
    let cases = [
        ("no signature", body, None, "missing_signature"),
        ("the field cannot be read", body, Some("v1=abc".to_owned()), "malformed_signature"),
        ("another body was signed", body, right(b"[]", at), "signature_mismatch"),
        ("just inside the tolerance", body, right(body, at - 300), "invalid_payload"),
        ("signed too long ago", body, right(body, at - 301), "timestamp_outside_tolerance"),
        ("signed in the future", body, right(body, at + 301), "timestamp_outside_tolerance"),
        ("no event", b"[]", right(b"[]", at), "invalid_payload"),
        ("not UTF-8", b"\xff", right(b"\xff", at), "invalid_payload"),
        ("no body at all", b"", right(b"", at), "invalid_payload"),
    ];
    for (why, body, signature, want) in cases {
        let delivered = Model::new().send(&post(body, signature));
        assert_eq!(delivered.response(), (400, want), "{why}");
        assert_eq!(delivered.header("content-type"), Some("application/problem+json"), "{why}");
        assert!(delivered.sent.is_empty(), "{why}");
    }
}

#[test]
fn only_posts_to_the_path_are_touched_and_only_small_ones_are_hashed() {
    let mut model = Model::configured(json!({"max_body_kb": 1}));
    let get = model.send(&WebhookRequest { method: "GET", ..post(b"", None) });
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    let elsewhere = model.send(&WebhookRequest { path: "/webhooks/stripe/x", ..post(b"{}", None) });
    assert_eq!(elsewhere.status, 0, "forwarded: {elsewhere:?}");
    let with_query = model.send(&WebhookRequest { path: "/webhooks/stripe?x=1", ..post(b"{}", None) });
    assert_eq!(with_query.response(), (400, "missing_signature"));
    for (bytes, want) in [(1024, (400, "signature_mismatch")), (1025, (413, "body_too_large"))] {
        let wrong = format!("t={START_S},v1={}", signature(b"", START_S));
        assert_eq!(model.send(&post(&vec![b'x'; bytes], Some(wrong))).response(), want, "{bytes} bytes");
        let unsigned = model.send(&post(&vec![b'x'; bytes], None));
        assert_eq!(unsigned.response(), (400, "missing_signature"), "{bytes} bytes, not waited for");
    }
    let announced =
        WebhookRequest { headers: vec![("content-length", "1025".to_owned())], ..post(b"x", None) };
    assert_eq!(model.send(&announced).response(), (413, "body_too_large"));
}

#[test]
fn an_event_that_needs_no_work_is_ignored_without_callouts() {
    let object = r#"{"id":"cus_1","customer":"cus_1","metadata":{}}"#;
    let event = |stripe: &mut Stripe, kind: &str| stripe.emit(kind, object, "{}", BTreeSet::new());
    type Edit = fn(&str) -> String;
    let cases: [(&str, &str, Edit, &[&str]); 4] = [
        ("another type", "invoice.created", |body| body.to_owned(), &[]),
        ("a payment without a subscription", "invoice.paid", |body| body.to_owned(), &[]),
        ("of the other mode", "customer.updated", |body| body.replace("true", "false"), &["wrong_mode"]),
        (
            "of a connected account",
            "customer.updated",
            |body| body.replacen('{', r#"{"account":"acct_1","#, 1),
            &["connected_account"],
        ),
    ];
    for (why, kind, edit, alarms) in cases {
        let mut model = Model::new();
        let event = event(&mut model.world.stripe, kind);
        let body = edit(&model.world.stripe.events[event].body);
        let delivered = model.send(&signed(&body, START_S));
        assert_eq!(delivered.response(), (200, "ignored"), "{why}");
        assert_eq!(delivered.alarms(), alarms, "{why}");
        assert!(delivered.sent.is_empty(), "{why}");
    }
}

#[test]
fn the_response_to_a_processed_event_has_the_result() {
    let mut model = Model::new();
    let event = buy(&mut model);
    let want = |changed: bool| {
        json!({"received": true, "status": "processed", "event": "evt_0", "subject": "user_1", "plan": "pro",
               "changed": changed})
    };
    let delivered = model.deliver(event);
    assert_eq!((delivered.status, &delivered.body), (200, &want(true)));
    assert_eq!(model.plan("user_1"), Some("pro"));
    let record = &model.world.clerk.subjects["user_1"];
    assert_eq!(record.public["subscription"]["status"], "active");
    assert_eq!(record.customers("stripe_customers"), ["cus_1"]);
    model.world.now = model.world.now.plus(Duration::from_secs(120));
    let resent = model.deliver(event);
    assert_eq!((resent.status, &resent.body), (200, &want(false)), "signed later: synced again");
    assert_eq!(model.world.clerk.writes, 1, "the same truth twice is written once");
}

#[test]
fn only_a_delivery_signed_before_the_end_is_a_duplicate() {
    let mut model = Model::new();
    let event = buy(&mut model);
    model.deliver(event);
    let ended_s = model.world.now.as_secs();
    let body = model.world.stripe.events[event].body.clone();
    for (signed_s, want) in
        [(START_S, "already_received"), (ended_s + 60, "already_received"), (ended_s + 61, "processed")]
    {
        let delivered = model.send(&signed(&body, signed_s));
        assert_eq!(
            delivered.response(),
            (200, want),
            "signed {} s after the end",
            signed_s as i64 - ended_s as i64
        );
        assert_eq!(delivered.sent.is_empty(), want == "already_received");
    }
}

#[test]
fn an_event_that_raised_an_alarm_is_not_remembered() {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    let event =
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_new", &[("clerk_user_id", "user_1")]);
    let first = model.deliver(event);
    assert_eq!((first.response(), first.alarms()), ((200, "processed"), vec!["unmapped_price"]));
    assert_eq!(model.deliver(event).response(), (200, "processed"));
    // An id that is none raises one too.
    let event = buy_with_malformed_customer(&mut model);
    for _ in 0..2 {
        let delivered = model.send(&signed(&event, START_S));
        assert_eq!((delivered.response(), delivered.alarms()), ((200, "processed"), vec!["unknown_ids"]));
    }
}

fn buy_with_malformed_customer(model: &mut Model) -> String {
    let event =
        model.world.stripe.add_subscription("sub_2", "cus_1", "price_pro", &[("clerk_user_id", "user_1")]);
    model.world.stripe.set_status("sub_1", "canceled");
    model.world.stripe.events[event].body.replace(r#""customer":"cus_1""#, r#""customer":"cus/1""#)
}

#[test]
fn failures_make_stripe_retry() {
    type Fail = fn(&Callout) -> Option<CalloutResult>;

    let cases: [(&str, Fail, (u16, &str)); 10] = [
        (
            "Stripe is slow",
            |c| is_to(c, "GET", "/v1/subs").then_some(CalloutResult::TimedOut),
            (503, "upstream_unavailable"),
        ),
        (
            "Stripe is away",
            |c| is_to(c, "GET", "/v1/subs").then_some(CalloutResult::Reset),
            (503, "upstream_unavailable"),
        ),
        ("Stripe is busy", |c| fails(c, "GET", "/v1/subs", 429, STRIPE), (503, "upstream_unavailable")),
        ("Stripe is broken", |c| fails(c, "GET", "/v1/subs", 500, STRIPE), (503, "upstream_unavailable")),
        ("Stripe's key", |c| fails(c, "GET", "/v1/subs", 401, STRIPE), (500, "bad_credentials")),
        (
            "Clerk is slow",
            |c| is_to(c, "PATCH", "/users").then_some(CalloutResult::TimedOut),
            (503, "upstream_unavailable"),
        ),
        ("Clerk is busy", |c| fails(c, "GET", "/users", 429, "{}"), (503, "upstream_unavailable")),
        ("Clerk is broken", |c| fails(c, "PATCH", "/users", 502, "<html>"), (503, "upstream_unavailable")),
        ("Clerk's key", |c| fails(c, "GET", "/users", 401, "{}"), (500, "bad_credentials")),
        ("Clerk refuses", |c| fails(c, "PATCH", "/users", 422, "{}"), (500, "upstream_refused")),
    ];
    for (why, fails, want) in cases {
        let mut model = Model::new();
        let event = buy(&mut model);
        model.fails = fails;
        let delivered = model.deliver(event);
        assert_eq!(delivered.response(), want, "{why}");
        assert!(delivered.header("retry-after").is_some(), "{why}");
        assert_eq!(delivered.alarms(), [want.1], "{why}");
        model.fails = |_| None;
        assert_eq!(model.deliver(event).response(), (200, "processed"), "{why}: and then it works");
        assert_eq!(model.plan("user_1"), Some("pro"), "{why}");
    }
}

const STRIPE: &str = r#"{"error":{"type":"api_error"}}"#;

fn fails(callout: &Callout, method: &str, path: &str, status: u16, body: &str) -> Option<CalloutResult> {
    is_to(callout, method, path).then(|| FakeResponse::new(status, body.to_owned()).into())
}

#[test]
fn a_retry_has_other_idempotency_keys() {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    let event = model.world.stripe.add_session("sub_1", &[("clerk_user_id", "user_1")], None);
    // Stripe keeps its answer to an idempotency key for a day, errors of its own too.
    let keys = |sent: &Callout| match &sent.request {
        tollgate_core::http::Request::Http { headers, .. } => {
            headers.iter().find(|(name, _)| *name == "idempotency-key").cloned()
        }
        tollgate_core::http::Request::Grpc { .. } => None,
    };
    model.fails = |callout| fails(callout, "POST", "/v1/", 500, STRIPE);
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        assert_eq!(model.deliver(event).response(), (200, "processed"), "it is only a note");
        model.world.now = model.world.now.plus(Duration::from_secs(120));
        let new: Vec<_> = std::mem::take(&mut model.callouts).iter().filter_map(keys).collect();
        assert!(!new.is_empty() && new.into_iter().all(|key| seen.insert(key)), "a key was used twice");
    }
}

#[test]
fn an_unowned_subscription_is_an_alarm_at_once_with_its_cure() {
    for age_s in [0, 86_400] {
        let mut model = Model::new();
        model.callout_takes = Duration::ZERO;
        model.world.stripe.add_customer("cus_1", &[]);
        model.world.stripe.clock_s = START_S - age_s - 1;
        let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
        let delivered = model.deliver(event);
        assert_eq!((delivered.response(), delivered.alarms()), ((200, "no_subject"), vec!["no_subject"]));
        let cure = "set the Clerk id of its owner as `clerk_user_id` or `clerk_org_id` in the subscription's metadata at \
                    Stripe; that change sends an event, which gives the plan";
        let want = json!({
            "received": true, "status": "no_subject", "event": delivered.body["event"],
            "subscription": "sub_1", "customer": "cus_1", "cure": cure,
        });
        assert_eq!(delivered.body, want, "{age_s} s old");
        let alarm = delivered.lines.iter().find(|line| line["alarm"] == "no_subject").unwrap();
        assert_eq!((&alarm["object"], &alarm["customer"]), (&json!("sub_1"), &json!("cus_1")));
        assert!(alarm["cure"] == cure && alarm["detail"].as_str().unwrap().ends_with(cure), "{alarm}");
    }
}

#[test]
fn an_ended_subscription_without_an_owner_needs_no_cure() {
    let mut model = Model::new();
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    let event = model.world.stripe.set_status("sub_1", "canceled").unwrap();
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), delivered.alarms()), ((200, "no_subject"), vec![]));
    assert_eq!(delivered.body.get("cure"), None);
}

#[test]
fn an_unowned_subscription_beside_an_owned_one_is_an_alarm_too() {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[("clerk_user_id", "user_1")]);
    model.world.stripe.add_subscription("sub_2", "cus_1", "price_pro", &[]);
    let event =
        model.world.stripe.change_customer("cus_1", |metadata| drop(metadata.insert("a".into(), "b".into())));
    let delivered = model.deliver(event.unwrap());
    assert_eq!((delivered.response(), delivered.alarms()), ((200, "processed"), vec!["no_subject"]));
    assert_eq!(delivered.body.get("cure"), None, "the receipt is about the subject");
}

#[test]
fn a_subject_that_clerk_does_not_have_is_retried_for_a_day() {
    const DAY_S: u64 = 86_400;
    let young = ((503, "subject_missing"), vec!["subject_missing"]);
    let old = ((200, "subject_gone"), vec!["subject_gone"]);
    for (age_s, status, want) in
        [(DAY_S - 1, "active", &young), (DAY_S, "active", &old), (DAY_S - 1, "canceled", &old)]
    {
        let mut model = Model::new();
        model.callout_takes = Duration::ZERO;
        model.world.stripe.add_customer("cus_1", &[]);
        model.world.stripe.clock_s = START_S - age_s - 1;
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[("clerk_user_id", "user_9")]);
        let event = model.world.stripe.set_status("sub_1", status).unwrap_or_default();
        let delivered = model.deliver(event);
        assert_eq!((delivered.response(), delivered.alarms()), want.clone(), "{age_s} s, {status}");
    }
}
