//! `mode: forward`: verified events of Clerk reach the upstream, with their id and result.

use crate::shared::{mirrored, receipt, user, without_sync};
use serde_json::json;
use tollgate_tests::fakes::clerk::billing::{ClerkEvent, INSTANCE};
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::gateway::{CLERK_WEBHOOK_PATH, Gateway};

/// Configures forwarding, and denies all paths without a rule; Clerk has no session token.
fn forwarding(standalone: Standalone) -> Standalone {
    mirrored(standalone).document(|document| {
        document["clerk_webhook"]["mode"] = "forward".into();
        document["clerk_webhook"]["instance"] = INSTANCE.into();
        document["plan_gate"]["unmatched"] = "deny".into();
    })
}

#[tokio::test]
async fn a_verified_event_reaches_the_upstream_with_its_result() {
    let gateway = Gateway::start_with_clerk_webhook(forwarding).await;
    let user = user(&gateway, "forwarded");
    let cases = [
        (ClerkEvent::of_payer("msg_1", "subscription.updated", &user), ["processed", "already_received"]),
        (ClerkEvent::new("msg_2", "user.created", unix_now(), json!({"id": user})), ["ignored"; 2]),
        (ClerkEvent::new("msg_3", "subscriptionItem.ended", unix_now(), json!({})), ["no_subject"; 2]),
    ];
    for (event, results) in cases {
        let id = event.id.as_str();
        for result in results {
            gateway.backend.clear_received().await;
            assert_eq!(gateway.deliver_from_clerk(&event).await.status(), 200, "{id}");
            let seen = gateway.backend.received().await;
            assert_eq!(seen.len(), 1, "{id}");
            assert_eq!(seen[0].header("x-tollgate-clerk-event"), [id]);
            assert_eq!(seen[0].header("x-tollgate-clerk-result"), [result], "{id}");
            assert_eq!(seen[0].header("svix-signature").len(), 1, "{id}: it can verify for itself");
            assert_eq!(seen[0].body.as_ref(), Some(&event.json.to_string()), "{id}");
        }
    }
}

#[tokio::test]
async fn nothing_else_is_forwarded() {
    let gateway = Gateway::start_with_clerk_webhook(forwarding).await;
    let user = user(&gateway, "unforwarded");
    let event = ClerkEvent::of_payer("msg_1", "subscription.updated", &user);
    let other = gateway.deliver_from_clerk(&event.clone().of_instance("ins_2")).await;
    assert_eq!(receipt(other).await, without_sync("msg_1", "ignored"), "of another instance");
    for path in [CLERK_WEBHOOK_PATH, "/webhooks/clerk/", "/Webhooks/clerk", "/webhooks/%2563lerk"] {
        let forged = gateway.request(reqwest::Method::POST, path).body(event.json.to_string());
        assert_eq!(forged.send().await.expect("a response").status(), 400, "{path}");
    }
    gateway.clerk.faults().next(1, on("GET", "/v1/users/"), Fault::unavailable());
    assert_eq!(gateway.deliver_from_clerk(&event).await.status(), 503);
    assert_eq!(gateway.envoy.stats().await.value("cluster.upstream.upstream_cx_total"), 0);
}

#[tokio::test]
async fn clients_cannot_set_the_filters_header_fields() {
    let gateway = Gateway::start_with_clerk_webhook(mirrored).await;
    let request = gateway.get("/other").header("x-tollgate-clerk-event", "msg_evil");
    let request = request.header("X_Tollgate_Clerk_Result", "processed").header("x-kept", "1");
    assert_eq!(request.send().await.expect("a response").status(), 200);
    let seen = gateway.backend.received().await.remove(0);
    assert!(
        seen.headers.iter().all(|(name, _)| !name.to_ascii_lowercase().starts_with("x-tollgate")),
        "{seen:?}"
    );
    assert_eq!(seen.header("x-kept"), ["1"]);
}
