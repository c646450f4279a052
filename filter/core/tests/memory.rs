//! Tests of the memory that a request uses while it is held, that all of it is freed once the request is
//! decided, and of the number of allocations. The allocator of this test counts them, and bytes.

#![allow(unsafe_code, reason = "an allocator requires it")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;
use tollgate_core::http::{HeaderMap, Reply};
use tollgate_core::machine::{Verification, Version};
use tollgate_core::time::Micros;
use tollgate_core::webhook::{self, StripeDelivery};
use tollgate_core::{Action, Input, Machine, config, gate};
use tollgate_fixtures::own_key;

struct Counting;

thread_local! {
    /// The number of bytes that this thread has allocated and not freed.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    /// The number of times that this thread has allocated memory.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count(bytes: usize, sign: isize) {
    let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
    // Nothing is measured while a thread ends.
    let _ = LIVE.try_with(|live| live.set(live.get() + sign * bytes));
}

// SAFETY: every call is passed unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Drops a machine. Returns the number of bytes that it held on the heap.
fn held_by<M>(machine: M) -> isize {
    let before = LIVE.get();
    drop(machine);
    before - LIVE.get()
}

const NOW: Micros = Micros::from_secs(1_800_000_000);
const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";
const PATH: &str = "/webhooks/stripe";

/// The maximum number of bytes that a request may keep of a 60 KB header while it is held.
const HELD_MAX: isize = 1024;

/// The maximum number of allocations of a request whose token is in the cache, and which is counted.
const ALLOCATIONS_MAX: usize = 23;

fn document(more: Value) -> Vec<u8> {
    let mut document = json!({
        "plans": [{"name": "free"}, {"name": "pro", "prices": ["price_1"]}],
        "stripe_webhook": {
            "path": PATH, "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
            "stripe": {"cluster": "stripe_api"}, "clerk": {"cluster": "clerk_api"},
        },
        "plan_gate": {
            "issuer": "https://clerk.example.com", "keys": {"jwks": {"cluster": "clerk_api"}},
            "authorized_parties": ["https://app.example.com"],
            "rules": [{"name": "ask", "path_prefix": "/ask"}],
        },
    });
    if let (Some(section), Some(more)) = (document["stripe_webhook"].as_object_mut(), more.as_object()) {
        section.extend(more.clone());
    }
    document.to_string().into_bytes()
}

fn webhook_worker(more: Value) -> webhook::StripeWorker {
    let environment = |name: &str| (name == "STRIPE_WEBHOOK_SECRET").then(|| SECRET.to_owned());
    webhook::StripeWorker::new(
        config::read::<config::StripeWebhookSettings>(&document(more), &environment)
            .expect("a valid document"),
    )
}

fn gate_worker() -> gate::GateWorker {
    let configuration =
        config::read::<config::PlanGateSettings>(&document(json!({})), &|_| None).expect("a valid document");
    gate::GateWorker::new(configuration, [7; 16]).expect("a gate")
}

/// Returns a header of 60 KB with these fields and padding.
fn large_header(fields: &[(&str, &str)]) -> HeaderMap {
    let padding = "x".repeat(4 << 10);
    let padding = std::iter::repeat_n(("x-padding", padding.as_str()), 15);
    let fields = fields.iter().copied().chain(padding);
    HeaderMap::from_fields(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

fn post(signature: &str) -> HeaderMap {
    large_header(&[(":method", "POST"), (":path", PATH), ("stripe-signature", signature)])
}

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(format!("{}.", NOW.as_secs()).as_bytes());
    mac.update(body);
    format!("t={},v1={}", NOW.as_secs(), hex::encode(mac.finalize().into_bytes()))
}

/// Returns a delivery whose header has arrived, and its first action.
fn arrived(worker: &mut webhook::StripeWorker, headers: HeaderMap) -> (StripeDelivery, Action) {
    let mut delivery = StripeDelivery::default();
    let action = delivery.handle(worker, NOW, Input::Head { headers, end_of_stream: false }).action;
    (delivery, action)
}

fn reply_of(action: Action) -> Reply {
    match action {
        Action::Reply(reply) => reply,
        action => panic!("{action:?}"),
    }
}

#[test]
fn a_delivery_with_a_wrong_header_is_refused_before_its_body() {
    let mut worker = webhook_worker(json!({}));
    let mac = "0".repeat(64);
    let now = NOW.as_secs();
    let cases = [
        ("no signature", String::new(), "missing_signature"),
        ("no timestamp", format!("v1={mac}"), "malformed_signature"),
        ("no signature of a supported scheme", format!("t={now},v0={mac}"), "malformed_signature"),
        ("two timestamps", format!("t={now},t={now},v1={mac}"), "malformed_signature"),
        ("too long", format!("t={now},v1={mac},{}", "x".repeat(5_000)), "malformed_signature"),
        ("too old", format!("t={},v1={mac}", now - 301), "timestamp_outside_tolerance"),
        ("too far in the future", format!("t={},v1={mac}", now + 301), "timestamp_outside_tolerance"),
    ];
    for (why, signature, code) in cases {
        let (delivery, action) = arrived(&mut worker, post(&signature));
        let reply = reply_of(action);
        assert_eq!((reply.status, reply.details), (400, code), "{why}");
        drop(reply);
        assert_eq!(held_by(delivery), 0, "{why}");
    }
    let twice = large_header(&[
        (":method", "POST"),
        (":path", PATH),
        ("stripe-signature", &signature(b"{}")),
        ("stripe-signature", &signature(b"{}")),
    ]);
    let (delivery, action) = arrived(&mut worker, twice);
    assert_eq!(reply_of(action).details, "malformed_signature");
    assert_eq!(held_by(delivery), 0);
}

#[test]
fn a_held_delivery_keeps_less_than_1_kb_of_a_60_kb_header() {
    for mode in ["respond", "forward"] {
        let mut worker = webhook_worker(json!({ "mode": mode }));
        for now in [NOW, NOW.plus(Duration::from_secs(300))] {
            let mut delivery = StripeDelivery::default();
            let headers = post(&signature(b"{}"));
            let input = Input::Head { headers, end_of_stream: false };
            let action = delivery.handle(&mut worker, now, input).action;
            assert_eq!(action, Action::Wait);
            let held = held_by(delivery);
            assert!(held < HELD_MAX, "{mode}: {held} bytes");
        }
    }
}

#[test]
fn a_decided_delivery_keeps_no_memory() {
    let mut worker = webhook_worker(json!({}));
    let ignored = json!({"id": "evt_1", "object": "event", "type": "product.created", "livemode": true,
        "data": {"object": {"id": "prod_1"}}});
    for (body, want) in [(ignored.to_string(), 200), ("{}".to_owned(), 400)] {
        let (mut delivery, action) = arrived(&mut worker, post(&signature(body.as_bytes())));
        assert_eq!(action, Action::Wait);
        let action = delivery.handle(&mut worker, NOW, Input::Body(body.as_bytes())).action;
        assert_eq!(reply_of(action).status, want, "{body}");
        assert_eq!(held_by(delivery), 0, "{body}");
    }
    let other_path =
        large_header(&[(":method", "POST"), (":path", "/ask"), ("x-tollgate-stripe-event", "evt_1")]);
    let (delivery, action) = arrived(&mut worker, other_path);
    assert!(matches!(&action, Action::Forward(forward) if forward.remove.len() == 1), "{action:?}");
    drop(action);
    assert_eq!(held_by(delivery), 0, "forwarded");
}

/// Returns a delivery with a header of 200 bytes, after `bytes` of its body have arrived, and its last
/// action.
fn growing(worker: &mut webhook::StripeWorker, bytes: usize) -> (StripeDelivery, Action) {
    let signature = signature(b"{}");
    let fields = [(":method", "POST"), (":path", PATH), ("stripe-signature", &signature)];
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let (mut delivery, action) = arrived(worker, HeaderMap::from_fields(fields));
    if action != Action::Wait {
        return (delivery, action);
    }
    let action = delivery.handle(worker, NOW, Input::BodyGrew { bytes }).action;
    (delivery, action)
}

#[test]
fn the_memory_of_held_bodies_is_bounded_per_thread_and_freed() {
    let mut worker = webhook_worker(json!({"max_body_kb": 512}));
    for round in 0..3 {
        let all: Vec<(StripeDelivery, Action)> = (0..800).map(|_| growing(&mut worker, 512 << 10)).collect();
        let (held, refused): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(_, action)| *action == Action::Wait);
        assert_eq!(held.len(), 31, "round {round}: just below 16 MB");
        for (_, action) in refused {
            let reply = reply_of(action);
            assert_eq!((reply.status, reply.details), (503, "deliveries_overloaded"));
            assert!(reply.headers.iter().any(|(name, _)| *name == "retry-after"), "Stripe retries");
        }
        let (_, action) = growing(&mut worker, 1024);
        assert_eq!(action, Action::Wait, "round {round}: small ones still fit");
        // Their streams end: the host drops them.
        drop(held);
    }
}

#[test]
fn held_deliveries_are_bounded_per_thread_and_freed() {
    let mut worker = webhook_worker(json!({}));
    let mut held: Vec<StripeDelivery> = Vec::new();
    for n in 0..600 {
        let (delivery, action) = growing(&mut worker, 1024);
        assert_eq!(action == Action::Wait, n < 512, "{n}");
        held.push(delivery);
    }
    // One delivery is decided, so another one can be held, although the stream of the first one has not
    // ended.
    let action = held[0].handle(&mut worker, NOW, Input::Body(b"{}")).action;
    assert_eq!(reply_of(action).status, 400);
    let (_next, action) = growing(&mut worker, 1024);
    assert_eq!(action, Action::Wait);
    assert_eq!(reply_of(growing(&mut worker, 1024).1).status, 503);
}

#[test]
fn a_delivery_can_arrive_in_any_number_of_parts() {
    let mut worker = webhook_worker(json!({}));
    for _ in 0..100 {
        let (mut delivery, action) = growing(&mut worker, 1);
        assert_eq!(action, Action::Wait);
        for bytes in (0..500 << 10).step_by(16 << 10) {
            let action = delivery.handle(&mut worker, NOW, Input::BodyGrew { bytes }).action;
            assert_eq!(action, Action::Wait, "the bytes of one delivery count once");
        }
    }
}

/// Returns a token with an unknown key id. A request with it waits until the keys are fetched.
fn token() -> String {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": "ins_unknown"}).to_string();
    let claims = json!({"sub": "user_1"}).to_string();
    [header.as_bytes(), claims.as_bytes(), &[1; 256]].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

#[test]
fn a_request_that_waits_for_keys_keeps_only_its_token() {
    let mut worker = gate_worker();
    let token = token();
    let authorization = format!("Bearer {token}");
    let mut request = gate::GateRequest::default();
    let headers = large_header(&[
        (":method", "GET"),
        (":path", "/ask"),
        ("origin", "https://app.example.com"),
        ("authorization", &authorization),
    ]);
    let mut action = request.handle(&mut worker, NOW, Input::Head { headers, end_of_stream: false }).action;
    if matches!(action, Action::ReadProperty { .. }) {
        action = request.handle(&mut worker, NOW, Input::Property(None)).action;
    }
    let Action::StartInquiry { inquiry, .. } = action else { panic!("{action:?}") };
    let action = request.handle(&mut worker, NOW, Input::InquiryStarted).action;
    assert_eq!(action, Action::AwaitInquiry(inquiry));

    let mut waiting = std::mem::take(&mut request);
    gate::GateRequest::end_inquiry(&mut worker, NOW, inquiry, tollgate_core::http::Outcome::TimedOut);
    let before = LIVE.get();
    let action = waiting.handle(&mut worker, NOW, Input::InquiryEnded).action;
    let reply = reply_of(action);
    assert_eq!(reply.status, 503);
    let allowed = reply.headers.iter().any(|(name, _)| *name == "access-control-allow-origin");
    assert!(allowed, "the page can read the response");
    drop(reply);
    let freed = before - LIVE.get();
    let few = isize::try_from(4 * token.len()).expect("few") + HELD_MAX;
    assert!((1..few).contains(&freed), "{freed} bytes were kept while it waited");
    assert_eq!(held_by(waiting), 0);
}

#[test]
fn a_decided_request_keeps_no_memory() {
    for (path, want) in [("/ask", Some(401)), ("/elsewhere", None)] {
        let mut worker = gate_worker();
        let mut request = gate::GateRequest::default();
        let headers = large_header(&[(":method", "GET"), (":path", path), ("x-tollgate-user", "user_1")]);
        let mut action =
            request.handle(&mut worker, NOW, Input::Head { headers, end_of_stream: false }).action;
        if matches!(action, Action::ReadProperty { .. }) {
            action = request.handle(&mut worker, NOW, Input::Property(None)).action;
        }
        match (action, want) {
            (Action::Reply(reply), Some(status)) => assert_eq!(reply.status, status),
            (Action::Forward(forward), None) => assert_eq!(forward.remove, [b"x-tollgate-user".to_vec()]),
            (action, _) => panic!("{action:?}"),
        }
        assert_eq!(held_by(request), 0, "{path}");
    }
}

/// Returns a gate that counts requests below `/ask`.
fn counting_gate() -> gate::GateWorker {
    let document = json!({
        "plans": [{"name": "free", "limits": {"asks": [{"max": 1000, "per": "month"}]}}],
        "plan_gate": {
            "issuer": "https://clerk.example.com", "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
            "authorized_parties": ["https://app.example.com"],
            "rules": [{"name": "ask", "path_prefix": "/ask", "limit": "asks"}],
        },
    });
    let key = |name: &str| (name == "CLERK_JWT_KEY").then(|| STANDARD.encode(own_key().public_der()));
    let configuration = config::read::<config::PlanGateSettings>(document.to_string().as_bytes(), &key);
    gate::GateWorker::new(configuration.expect("a valid document"), [7; 16]).expect("a gate")
}

/// Sends a request for `/ask` with a token whose signature is valid. Returns the number of allocations.
fn allocations_of_a_request(worker: &mut gate::GateWorker) -> usize {
    let header = json!({"alg": "RS256", "typ": "JWT"}).to_string();
    let (issuer, party, exp) = ("https://clerk.example.com", "https://app.example.com", NOW.as_secs() + 60);
    let claims =
        json!({"iss": issuer, "azp": party, "sub": "user_1", "sid": "sess_1", "exp": exp}).to_string();
    let token =
        [header.as_bytes(), claims.as_bytes(), &[1; 256]].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let authorization = format!("Bearer {token}");
    let fields = [(":method", "GET"), (":path", "/ask"), ("authorization", &authorization)];
    let headers = HeaderMap::from_fields(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    let before = ALLOCATIONS.get();
    let mut request = gate::GateRequest::default();
    let mut input = Input::Head { headers, end_of_stream: true };
    loop {
        input = match request.handle(worker, NOW, input).action {
            Action::Verify { .. } => Input::Verified(Verification::Valid),
            Action::Load { .. } => Input::Loaded { value: None, version: Version::ABSENT },
            Action::Swap { .. } => Input::Swapped { stored: true },
            Action::Forward(_) => return ALLOCATIONS.get() - before,
            action => panic!("{action:?}"),
        };
    }
}

#[test]
fn a_request_with_a_cached_token_allocates_little() {
    let mut worker = counting_gate();
    allocations_of_a_request(&mut worker);
    let count = allocations_of_a_request(&mut worker);
    assert!((1..=ALLOCATIONS_MAX).contains(&count), "{count} allocations");
}
