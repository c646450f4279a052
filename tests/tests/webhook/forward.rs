//! `mode: forward`: verified events go on to the upstream, whole, with what became of them; its status is the answer.

use crate::shared::{PRO, Payer, receipt, with_plans};
use serde_json::json;
use std::sync::Arc;
use tollgate_tests::envoy::Standalone;
use tollgate_tests::fake::{Answer, FakeServer, Request, Service, unix_now};
use tollgate_tests::faults::{Fault, on};
use tollgate_tests::gateway::{Gateway, WEBHOOK_PATH};
use tollgate_tests::stripe::events::Event;

/// Nothing but what a rule names passes the gate; Stripe has no session token.
fn forwarding(standalone: Standalone) -> Standalone {
    with_plans(standalone).document(|document| {
        document["stripe_webhook"]["mode"] = "forward".into();
        document["plan_gate"]["unmatched"] = "deny".into();
    })
}

/// An event with so many bytes of metadata, some of which are no ASCII.
fn large(event: Event, bytes: usize) -> Event {
    event.with("/data/object/description", json!("€".repeat(bytes / 3)))
}

#[tokio::test]
async fn a_verified_event_reaches_the_upstream_whole_with_what_became_of_it() {
    let gateway = Gateway::start(forwarding).await;
    assert_eq!(gateway.get("/other").send().await.expect("an answer").status(), 403, "the gate denies");
    let payer = Payer::named(&gateway, "forwarded", PRO);
    nothing_else_is_forwarded(&gateway, &payer).await;
    let nobodys = Payer::new(&gateway, "forwarded_nobodys", PRO);
    let created = payer.event(&gateway, "customer.subscription.created");
    let cases = [
        ("a sync that changes", created.clone(), "processed"),
        (
            "the same once more: an id is not remembered while the upstream may fail",
            created.clone(),
            "processed",
        ),
        ("one that needs no work", payer.event(&gateway, "invoice.created"), "ignored"),
        ("of a connected account", created.clone().account("acct_1"), "ignored"),
        ("of nobody", nobodys.event(&gateway, "customer.subscription.created"), "no_subject"),
        ("large", payer.event(&gateway, "customer.subscription.updated"), "processed"),
    ];
    for (why, event, result) in cases {
        let mut event = event;
        event.json["data"]["object"]["description"] = json!("");
        for bytes in [3, 70_000, 300_000] {
            let event = large(event.clone(), bytes);
            gateway.backend.forget_seen().await;
            let answer = gateway.deliver(&event).await;
            assert_eq!(answer.status(), 200, "{why}");
            let seen = gateway.backend.seen().await;
            assert_eq!(seen.len(), 1, "{why}");
            assert_eq!(seen[0].header("x-tollgate-stripe-event"), [event.event_id()], "{why}");
            assert_eq!(seen[0].header("x-tollgate-stripe-result"), [result], "{why}");
            assert_eq!(seen[0].header("stripe-signature").len(), 1, "{why}: it can verify for itself");
            let body: String = event.body().iter().map(|byte| char::from(*byte)).collect();
            assert!(seen[0].body.as_ref() == Some(&body), "{why}: of {bytes} bytes not all are the same");
        }
    }
    assert_eq!(payer.plan(&gateway).as_deref(), Some("pro"));
    assert_eq!(payer.writes(&gateway), 1);
}

/// What is not of this mode, not signed, or not synced.
async fn nothing_else_is_forwarded(gateway: &Gateway, payer: &Payer) {
    let event = payer.event(gateway, "customer.subscription.created");
    let ignored = json!({"received": true, "status": "ignored", "event": event.event_id()});
    assert_eq!(receipt(gateway, &event.clone().livemode(true)).await, ignored);
    let forged = gateway.request(reqwest::Method::POST, WEBHOOK_PATH).body(event.body());
    assert_eq!(forged.send().await.expect("an answer").status(), 400);
    gateway.clerk.faults().next(1, on("GET", "/v1/users/"), Fault::unavailable());
    assert_eq!(gateway.deliver(&event).await.status(), 503);
    assert_eq!(gateway.envoy.stats().await.value("cluster.upstream.upstream_cx_total"), 0);
}

/// An upstream that takes whatever comes with that status.
struct Answering(u16);

impl Service for Answering {
    fn carry_out(&self, _: &Request) -> Answer {
        Answer::json(self.0, &json!({"upstream": true}))
    }
}

#[tokio::test]
async fn the_upstreams_status_is_the_answer() {
    let upstream = FakeServer::start(Arc::new(Answering(202))).await;
    let address = upstream.addr();
    let gateway = Gateway::start(|standalone| forwarding(standalone).upstream_at("upstream", address)).await;
    let payer = Payer::named(&gateway, "upstreams", PRO);
    let event = payer.event(&gateway, "customer.subscription.created");
    upstream.faults().next(1, on("POST", WEBHOOK_PATH), Fault::status(500, &json!({"upstream": false})));
    upstream.faults().next(1, on("POST", WEBHOOK_PATH), Fault::Reset);
    for (why, status) in
        [("its own failure", 500), ("it breaks off", 503), ("it takes it", 202), ("again", 202)]
    {
        assert_eq!(gateway.deliver_signed(&event, unix_now()).await.status(), status, "{why}");
    }
    assert_eq!(upstream.log().count(&on("POST", WEBHOOK_PATH)), 4, "each delivery reached it once");
    assert_eq!(payer.writes(&gateway), 1);
}
