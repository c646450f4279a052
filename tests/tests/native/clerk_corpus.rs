//! Deliveries of Clerk's events for the corpus: good, repeated, forged, malformed, ignored, and about deleted
//! users.

use crate::corpus::CorpusRequest;
use serde_json::{Value, json};
use tollgate_tests::client::wire::request;
use tollgate_tests::fakes::clerk::billing::{ClerkEvent, signed_fields};
use tollgate_tests::processes::envoy::EXAMPLE_CLERK_WEBHOOK_SECRET;
use tollgate_tests::processes::gateway::CLERK_WEBHOOK_PATH;

/// The user whose plan Clerk Billing sells.
pub const SUBSCRIBER: &str = "user_subscriber";
/// The user whom only Stripe's metadata name.
pub const DELETED: &str = "user_deleted";

/// The secret of another endpoint.
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Returns the deliveries, most of which are signed at `now` (Unix seconds).
pub fn deliveries(now: i64) -> Vec<CorpusRequest> {
    [verified(now), unsigned(now), unreadable(now)].concat()
}

/// Returns a delivery of a body with these secrets.
fn deliver(name: &str, id: &str, secrets: &[&str], timestamp: &str, body: &[u8]) -> CorpusRequest {
    named(name, &signed_fields(id, secrets, timestamp, body), body)
}

fn named(name: &str, fields: &[(&str, String)], body: &[u8]) -> CorpusRequest {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let bytes = request("POST", CLERK_WEBHOOK_PATH, fields, body);
    CorpusRequest { name: format!("Clerk: {name}"), bytes }
}

fn verified(now: i64) -> Vec<CorpusRequest> {
    let updated = ClerkEvent::of_payer("msg_updated", "subscription.updated", SUBSCRIBER);
    let again = ClerkEvent { id: "msg_again".to_owned(), ..updated.clone() };
    let event = |id: &str, kind: &str, data: Value| ClerkEvent::new(id, kind, now, data);
    let failed = json!({
        "id": "pa_1", "status": "failed", "charge_type": "recurring", "payer": {"user_id": SUBSCRIBER},
        "failed_reason": {"code": "card_declined", "decline_code": "insufficient_funds"},
    });
    let deleted = |id: &str, subject: &str| ClerkEvent::deleted(id, subject, now);
    let own = [EXAMPLE_CLERK_WEBHOOK_SECRET];
    let events = [
        ("an event", &updated),
        ("the same event again", &updated),
        ("the same payer", &again),
        ("no payer", &event("msg_nobody", "subscriptionItem.ended", json!({}))),
        ("a failed renewal", &event("msg_failed", "paymentAttempt.updated", failed)),
        ("a new user", &event("msg_created", "user.created", json!({"id": "user_new"}))),
        ("another instance", &again.clone().of_instance("ins_other")),
        ("a deleted user whom Clerk has", &deleted("msg_exists", SUBSCRIBER)),
        ("a deleted user", &deleted("msg_deleted", DELETED)),
        ("a deleted organization without subscriptions", &deleted("msg_org", "org_deleted")),
    ];
    let mut all: Vec<CorpusRequest> = events
        .iter()
        .map(|(name, event)| {
            deliver(name, &event.id, &own, &now.to_string(), event.json.to_string().as_bytes())
        })
        .collect();
    let body = again.json.to_string().into_bytes();
    let rotated = [OTHER_SECRET, EXAMPLE_CLERK_WEBHOOK_SECRET];
    all.push(deliver("two signatures", "msg_rotated", &rotated, &now.to_string(), &body));
    let fields = signed_fields("msg_standard", &own, &now.to_string(), &body);
    let renamed = fields.map(|(name, value)| (name.replace("svix", "webhook"), value));
    let renamed: Vec<_> = renamed.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    all.push(named("the names of Standard Webhooks", &renamed, &body));
    all
}

fn unsigned(now: i64) -> Vec<CorpusRequest> {
    let event = ClerkEvent::of_payer("msg_1", "subscription.updated", SUBSCRIBER);
    let body = event.json.to_string().into_bytes();
    let own = [EXAMPLE_CLERK_WEBHOOK_SECRET];
    let right = |timestamp: &str, body: &[u8]| signed_fields("msg_1", &own, timestamp, body);
    let t = now.to_string();
    let mut asymmetric = right(&t, &body);
    asymmetric[2].1 = asymmetric[2].1.replace("v1,", "v1a,");
    let get = CorpusRequest {
        name: "GET of Clerk's webhook".to_owned(),
        bytes: request("GET", CLERK_WEBHOOK_PATH, "", b""),
    };
    vec![
        named("no signature", &[], &body),
        deliver("another secret", "msg_1", &[OTHER_SECRET], &t, &body),
        named("a signature of another body", &right(&t, b"{}"), &body),
        named("a stale signature", &right(&(now - 4_000).to_string(), &body), &body),
        named("a signature of the future", &right(&(now + 4_000).to_string(), &body), &body),
        named("letters behind the timestamp", &right(&format!("{t}abc"), &body), &body),
        named("an asymmetric signature", &asymmetric, &body),
        deliver("a dot in the id", "msg.1", &own, &t, &body),
        get,
    ]
}

fn unreadable(now: i64) -> Vec<CorpusRequest> {
    let large = vec![b' '; 600 << 10];
    let nameless = ClerkEvent::new("msg_1", "user.deleted", now, json!({"deleted": true}));
    let nameless = nameless.json.to_string().into_bytes();
    let bodies: [(&str, &[u8]); 6] = [
        ("a body that is not JSON", b"no"),
        ("a body that is not text", b"\xff\x00\xfe"),
        ("an empty body", b""),
        ("an object that is no event", br#"{"object": "user"}"#),
        ("a deletion of nobody", &nameless),
        ("a body over the maximum", &large),
    ];
    let own = [EXAMPLE_CLERK_WEBHOOK_SECRET];
    bodies.map(|(name, body)| deliver(name, "msg_1", &own, &now.to_string(), body)).into()
}
