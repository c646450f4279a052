//! Deliveries of Clerk's events: which are refused, which need no work, and which start a sync.

mod deletions;

use super::*;
use crate::clerk::signature::tests::signed;
use crate::config::{self, Mode};
use crate::http::{Callout, Reply};
use crate::identity::header_owner;
use crate::machine::{Action, Input, Machine, Step, Version};
use crate::report::{Metrics, Report};
use crate::webhook::{ClerkDelivery, ClerkWorker};
use serde_json::{Value, json};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "msg_1";
const NOW_S: u64 = 1_800_000_000;
const NOW: Micros = Micros::from_secs(NOW_S);

/// Returns a worker whose section has these fields besides the required ones.
fn worker(fields: Value) -> ClerkWorker {
    let mut document = json!({
        "plans": [{"name": "free"}, {"name": "pro"}],
        "clerk_webhook": {
            "path": "/webhooks/clerk",
            "signing_secrets": {"env": "CLERK_WEBHOOK_SIGNING_SECRET"},
            "billing": "mirror",
            "clerk": {"cluster": "clerk_api"},
        },
    });
    for (name, value) in fields.as_object().unwrap() {
        document["clerk_webhook"][name] = value.clone();
    }
    let environment = |name: &str| (name == "CLERK_WEBHOOK_SIGNING_SECRET").then(|| SECRET.to_owned());
    let bytes = document.to_string().into_bytes();
    ClerkWorker::new(config::read::<ClerkWebhookSettings>(&bytes, &environment).unwrap())
}

fn event(event_type: &str, data: Value) -> Value {
    json!({"object": "event", "type": event_type, "instance_id": "ins_1", "data": data})
}

fn updated() -> Value {
    event("subscription.updated", json!({"payer": {"user_id": "user_1", "organization_id": ""}}))
}

/// Delivers a body with these header fields besides method and path.
fn send(worker: &mut ClerkWorker, fields: &[(&str, &str)], body: &[u8]) -> (ClerkDelivery, Step) {
    let all = [(":method", "POST"), (":path", "/webhooks/clerk")].iter().chain(fields);
    let headers = HeaderMap::from_fields(all.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    let mut delivery = ClerkDelivery::default();
    let step = delivery.handle(worker, NOW, Input::Head { headers, end_of_stream: false });
    let step = match step.action {
        Action::Wait => delivery.handle(worker, NOW, Input::Body(body)),
        _ => step,
    };
    (delivery, step)
}

/// Delivers an event that Clerk signed now.
fn deliver(worker: &mut ClerkWorker, event: &Value) -> (ClerkDelivery, Step) {
    let (body, timestamp) = (event.to_string(), NOW_S.to_string());
    let signature = signed(SECRET, ID, &timestamp, body.as_bytes());
    let fields = [("svix-id", ID), ("svix-timestamp", timestamp.as_str()), ("svix-signature", &signature)];
    send(worker, &fields, body.as_bytes())
}

fn reply(action: Action) -> (u16, Value) {
    let Action::Reply(Reply { status, body, .. }) = action else { panic!("{action:?}") };
    (status, serde_json::from_slice(&body).unwrap())
}

fn lines(reports: &[Report]) -> Vec<&str> {
    reports
        .iter()
        .filter_map(|report| if let Report::Line(_, line) = report { Some(&**line) } else { None })
        .collect()
}

#[test]
fn only_its_own_filter_may_set_its_header_fields() {
    for field in [ClerkSource::LABELS.event_field, ClerkSource::LABELS.result_field] {
        assert_eq!(header_owner(field.as_bytes()), Some(ClerkSource::LABELS.header_owner), "{field}");
    }
}

#[test]
fn the_metrics_count_results_below_the_name_of_the_filter() {
    let names: Vec<String> = worker(json!({})).metrics().into_iter().map(|metric| metric.name).collect();
    for name in ["processed", "already_received", "refused", "sync_duration_ms", "callouts_failed.clerk"] {
        assert!(names.contains(&format!("tollgate.clerk_webhook.{name}")), "{name}: {names:?}");
    }
}

#[test]
fn a_request_without_a_valid_signature_is_refused() {
    let mut worker = worker(json!({}));
    let (body, t) = (updated().to_string(), NOW_S.to_string());
    let good = signed(SECRET, ID, &t, body.as_bytes());
    let all = |id, timestamp, signature| {
        [("svix-id", id), ("svix-timestamp", timestamp), ("svix-signature", signature)]
    };
    let stale = (NOW_S - 301).to_string();
    let cases = [
        ("missing_signature", all("", &t, &good), body.as_bytes()),
        ("malformed_signature", all("msg.1", &t, &good), body.as_bytes()),
        ("timestamp_outside_tolerance", all(ID, &stale, &good), body.as_bytes()),
        ("signature_mismatch", all("msg_2", &t, &good), body.as_bytes()),
        ("signature_mismatch", all(ID, &t, &good), b"{}"),
    ];
    for (code, fields, body) in cases {
        let (_, step) = send(&mut worker, &fields, body);
        let (status, problem) = reply(step.action);
        assert_eq!((status, problem["code"].as_str()), (400, Some(code)));
        assert_eq!(problem["detail"], "this request has no valid signature of Clerk");
    }
}

#[test]
fn a_signed_body_that_is_no_event_is_an_invalid_payload() {
    let (_, step) = deliver(&mut worker(json!({})), &json!({"object": "user"}));
    let (status, problem) = reply(step.action);
    assert_eq!((status, problem["code"].as_str()), (400, Some("invalid_payload")));
}

#[test]
fn an_event_that_changes_no_plan_is_ignored() {
    for event_type in ["user.created", "subscriptionItem.upcoming", "user.deleted", "subscription.deleted"] {
        let (_, step) = deliver(&mut worker(json!({})), &event(event_type, json!({"id": "user_1"})));
        let want = json!({"received": true, "status": "ignored", "event": ID});
        assert_eq!(reply(step.action), (200, want), "{event_type}");
        assert!(lines(&step.reports).is_empty(), "{event_type}");
    }
}

#[test]
fn an_event_about_billing_is_ignored_unless_it_is_mirrored() {
    let (_, step) = deliver(&mut worker(json!({"billing": "off"})), &updated());
    assert_eq!(reply(step.action).1["status"], "ignored");
}

#[test]
fn an_event_of_another_instance_is_ignored_and_not_forwarded() {
    let mut unnamed = updated();
    unnamed["instance_id"] = json!(null);
    for (event, words) in
        [(updated(), "of another Clerk instance"), (unnamed, "does not name its Clerk instance")]
    {
        let mut worker = worker(json!({"instance": "ins_2", "mode": "forward"}));
        let (_, step) = deliver(&mut worker, &event);
        assert!(lines(&step.reports)[0].contains(words), "{:?}", step.reports);
        assert!(lines(&step.reports)[0].contains(r#""alarm":"wrong_instance","event":"msg_1""#));
        assert_eq!(reply(step.action).1["status"], "ignored");
    }
    let (_, step) = deliver(&mut worker(json!({"instance": "ins_1"})), &updated());
    assert!(matches!(step.action, Action::Load { .. }), "{:?}", step.action);
}

#[test]
fn an_event_without_a_payer_has_no_subject_and_raises_an_alarm() {
    let bad = json!({"payer": {"user_id": "user_1/../2"}});
    for (data, alarm) in [(json!({}), "no_subject"), (bad, "unknown_ids")] {
        let (_, step) = deliver(&mut worker(json!({})), &event("subscriptionItem.ended", data));
        assert!(lines(&step.reports)[0].contains(alarm), "{:?}", step.reports);
        assert!(!lines(&step.reports)[0].contains("user_1"), "no unchecked id is logged");
        assert_eq!(reply(step.action).1["status"], "no_subject");
    }
}

#[test]
fn an_event_about_billing_reads_the_payer_at_clerk() {
    let cases = [
        (json!({"user_id": "user_1", "organization_id": ""}), "GET api.clerk.com/v1/users/user_1"),
        (
            json!({"user_id": "user_1", "organization_id": "org_1"}),
            "GET api.clerk.com/v1/organizations/org_1",
        ),
    ];
    for (payer, want) in cases {
        let mut worker = worker(json!({}));
        let (mut delivery, step) =
            deliver(&mut worker, &event("subscriptionItem.active", json!({"payer": payer})));
        assert!(matches!(step.action, Action::Load { .. }), "checks for a duplicate first");
        let absent = Input::Loaded { value: None, version: Version::ABSENT };
        let Action::Call(calls) = delivery.handle(&mut worker, NOW, absent).action else { panic!("{want}") };
        let request = |callout: &Callout| format!("{:?}", callout.request);
        assert!(calls.iter().any(|(_, callout)| request(callout) == want), "{want}: {calls:?}");
    }
}

#[test]
fn a_failed_renewal_is_logged_once_for_the_event() {
    let data = json!({
        "id": "pa_1", "status": "failed", "charge_type": "recurring", "payer": {"user_id": "user_1"},
        "failed_reason": {"code": "card_declined", "decline_code": "insufficient_funds"},
    });
    let failed = event("paymentAttempt.updated", data);
    let mut worker = worker(json!({"billing": "off"}));
    let (mut delivery, step) = deliver(&mut worker, &failed);
    assert!(matches!(step.action, Action::Load { .. }) && lines(&step.reports).is_empty());
    let step = delivery.handle(&mut worker, NOW, Input::Loaded { value: None, version: Version::ABSENT });
    let want = r#"{"audit":"payment_failed","event":"msg_1","subject":"user_1","source":"clerk_billing","payment_attempt":"pa_1","code":"card_declined","decline_code":"insufficient_funds"}"#;
    assert_eq!(lines(&step.reports), [want]);
    let step = delivery.handle(&mut worker, NOW, Input::Loaded { value: None, version: Version::ABSENT });
    let Action::Swap { value, .. } = step.action else { panic!("the event is remembered: {step:?}") };
    let step = delivery.handle(&mut worker, NOW, Input::Swapped { stored: true });
    assert_eq!(reply(step.action).1["status"], "ignored");
    let (mut again, _) = deliver(&mut worker, &failed);
    let step =
        again.handle(&mut worker, NOW, Input::Loaded { value: Some(&value), version: Version::ABSENT });
    assert!(lines(&step.reports).is_empty());
    assert_eq!(reply(step.action).1["status"], "already_received");
}

#[test]
fn a_forwarded_event_has_its_id_and_result_and_none_of_the_clients() {
    let mut worker = worker(json!({"mode": "forward"}));
    assert_eq!(worker.endpoint.mode, Mode::Forward);
    let (body, t) = (event("user.created", json!({})).to_string(), NOW_S.to_string());
    let signature = signed(SECRET, ID, &t, body.as_bytes());
    let fields = [
        ("webhook-id", ID),
        ("webhook-timestamp", t.as_str()),
        ("webhook-signature", &signature),
        ("x-tollgate-clerk-event", "msg_forged"),
        ("x-tollgate-stripe-event", "evt_1"),
    ];
    let (_, step) = send(&mut worker, &fields, body.as_bytes());
    let Action::Forward(forward) = step.action else { panic!("{step:?}") };
    let want =
        [("x-tollgate-clerk-event", b"msg_1".to_vec()), ("x-tollgate-clerk-result", b"ignored".to_vec())];
    assert_eq!(forward.add, want);
    assert_eq!(forward.remove, [b"x-tollgate-clerk-event".to_vec()], "the other filter removes its own");
}
