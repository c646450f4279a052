//! `mode: forward`: verified events are forwarded to the upstream, complete, with their result; its status is
//! the response.

use crate::shared::{PRO, Payer, receipt, with_plans};
use serde_json::json;
use serde_norway::Value;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_tests::client::transport::Transport;
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::fakes::server::{FakeResponse, FakeServer, Request, Service, unix_now};
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::processes::envoy::{Standalone, yaml};
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_PATH, WEBHOOK_SECRET};

/// Configures forwarding, and denies all paths without a rule; Stripe has no session token.
fn forwarding(standalone: Standalone) -> Standalone {
    with_plans(standalone).document(|document| {
        document["stripe_webhook"]["mode"] = "forward".into();
        document["plan_gate"]["unmatched"] = "deny".into();
    })
}

/// Adds that many bytes of text to an event, some of which are not ASCII.
fn large(event: Event, bytes: usize) -> Event {
    event.with("/data/object/description", json!("€".repeat(bytes / 3)))
}

#[tokio::test]
async fn a_verified_event_reaches_the_upstream_complete_with_its_result() {
    let gateway = Gateway::start(forwarding).await;
    assert_eq!(gateway.get("/other").send().await.expect("a response").status(), 403, "the gate denies");
    let payer = Payer::named(&gateway, "forwarded", PRO);
    nothing_else_is_forwarded(&gateway, &payer).await;
    let unowned = Payer::new(&gateway, "forwarded_unowned", PRO);
    let created = payer.event(&gateway, "customer.subscription.created");
    let cases = [
        ("a sync that changes", created.clone(), ["processed", "already_received"]),
        ("one that needs no work", payer.event(&gateway, "invoice.created"), ["ignored"; 2]),
        ("of a connected account", created.clone().account("acct_1"), ["ignored"; 2]),
        ("without an owner", unowned.event(&gateway, "customer.subscription.created"), ["no_subject"; 2]),
        (
            "a sync that changes nothing",
            payer.event(&gateway, "customer.subscription.updated"),
            ["processed", "already_received"],
        ),
    ];
    for (why, event, [first, duplicate]) in cases {
        let mut event = event;
        event.json["data"]["object"]["description"] = json!("");
        for (bytes, result) in [(3, first), (70_000, duplicate), (300_000, duplicate)] {
            let event = large(event.clone(), bytes);
            gateway.backend.clear_received().await;
            let response = gateway.deliver(&event).await;
            assert_eq!(response.status(), 200, "{why}");
            let seen = gateway.backend.received().await;
            assert_eq!(seen.len(), 1, "{why}");
            assert_eq!(seen[0].header("x-tollgate-stripe-event"), [event.event_id()], "{why}");
            assert_eq!(seen[0].header("x-tollgate-stripe-result"), [result], "{why}");
            assert_eq!(seen[0].header("stripe-signature").len(), 1, "{why}: it can verify for itself");
            let body: String = event.body().iter().map(|byte| char::from(*byte)).collect();
            assert!(seen[0].body.as_ref() == Some(&body), "{why}: the {bytes} bytes differ");
        }
    }
    assert_eq!(payer.plan(&gateway).as_deref(), Some("pro"));
    assert_eq!(payer.writes(&gateway), 1);
}

/// Checks that events of the other mode, unsigned ones, and ones that were not synced are not forwarded.
async fn nothing_else_is_forwarded(gateway: &Gateway, payer: &Payer) {
    let event = payer.event(gateway, "customer.subscription.created");
    let ignored = json!({"received": true, "status": "ignored", "event": event.event_id()});
    assert_eq!(receipt(gateway, &event.clone().livemode(true)).await, ignored);
    let forged = gateway.request(reqwest::Method::POST, WEBHOOK_PATH).body(event.body());
    assert_eq!(forged.send().await.expect("a response").status(), 400);
    for disguise in ["/webhooks/stripe/", "/Webhooks/stripe", "/webhooks/%2573tripe"] {
        let forged = gateway.request(reqwest::Method::POST, disguise).body(event.body());
        assert_eq!(forged.send().await.expect("a response").status(), 400, "{disguise}");
    }
    gateway.clerk.faults().next(1, on("GET", "/v1/users/"), Fault::unavailable());
    assert_eq!(gateway.deliver(&event).await.status(), 503);
    assert_eq!(gateway.envoy.stats().await.value("cluster.upstream.upstream_cx_total"), 0);
}

/// An upstream that responds to every request with this status.
struct FixedStatus(u16);

impl Service for FixedStatus {
    fn carry_out(&self, _: &Request) -> FakeResponse {
        FakeResponse::json(self.0, &json!({"upstream": true}))
    }
}

#[tokio::test]
async fn the_upstreams_status_is_the_response() {
    let upstream = FakeServer::start(Arc::new(FixedStatus(202))).await;
    let address = upstream.addr();
    let gateway = Gateway::start(|standalone| forwarding(standalone).upstream_at("upstream", address)).await;
    let payer = Payer::named(&gateway, "upstreams", PRO);
    let event = payer.event(&gateway, "customer.subscription.created");
    upstream.faults().next(1, on("POST", WEBHOOK_PATH), Fault::status(500, &json!({"upstream": false})));
    upstream.faults().next(1, on("POST", WEBHOOK_PATH), Fault::Reset);
    for (why, status, calls_stripe) in [
        ("its own failure", 500, true),
        ("it resets the connection", 503, true),
        ("it accepts the event", 202, true),
        ("a duplicate of an accepted event", 202, false),
    ] {
        let before = gateway.stripe.log().entries().len();
        assert_eq!(gateway.deliver_signed(&event, unix_now()).await.status(), status, "{why}");
        assert_eq!(gateway.stripe.log().entries().len() > before, calls_stripe, "{why}");
    }
    assert_eq!(upstream.log().count(&on("POST", WEBHOOK_PATH)), 4, "each delivery reached it once");
    assert_eq!(payer.writes(&gateway), 1);
}

/// Enables trailers from clients and to the upstream.
fn with_trailers(config: &mut Value) {
    let manager = &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
    manager["typed_config"]["http_protocol_options"]["enable_trailers"] = true.into();
    let options = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
    });
    config["static_resources"]["clusters"][0]["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"] =
        yaml(options);
}

/// Accepts one request whose trailers end with `x-kept: 1`, and responds. Returns the request as text.
async fn record_one(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut request = Vec::new();
    while !request.ends_with(b"x-kept: 1\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut request).await.expect("a request"), 0, "the request was cut off");
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("a response");
    String::from_utf8(request).expect("text")
}

#[tokio::test]
async fn trailers_that_only_tollgate_may_set_are_removed_from_a_webhook() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = upstream.local_addr().expect("an address");
    let edit = |standalone| {
        // Without a rule that denies, only the webhook filter removes trailers.
        let open = |document: &mut Value| document["plan_gate"]["unmatched"] = "pass".into();
        forwarding(standalone).document(open).edit(with_trailers).upstream_at("upstream", address)
    };
    let gateway = Gateway::start(edit).await;
    let payer = Payer::named(&gateway, "trailing", PRO);
    let event = payer.event(&gateway, "customer.subscription.created");
    let trailers = [
        ("x-tollgate-stripe-event", "evt_evil"),
        ("X-Tollgate-Stripe-Result", "processed"),
        ("x-tollgate-stripe-", "evil"),
        ("x-kept", "1"),
    ];
    for path in [WEBHOOK_PATH, "/other"] {
        let (body, signature) = event.signed(&[WEBHOOK_SECRET], unix_now());
        let fields = [("stripe-signature", signature.as_str())];
        let (address, target) = (gateway.envoy.address(), ("POST", path));
        let sent = Transport::ChunkedWithTrailers.send(address, target, &fields, &body, &trailers);
        let (recorded, response) = tokio::join!(record_one(&upstream), sent);
        assert_eq!(response.expect("a response").status, 200, "{path}");
        let (head, body_and_trailers) = recorded.split_once("\r\n\r\n").expect("a header");
        let set = head.matches("x-tollgate-stripe-").count();
        assert_eq!(set, if path == WEBHOOK_PATH { 2 } else { 0 }, "{path}: {head}");
        let (_, trailers) = body_and_trailers.rsplit_once("\r\n0\r\n").expect("a last chunk");
        assert_eq!(trailers, "x-kept: 1\r\n\r\n", "{path}");
    }
}
