//! Requests that are not events of Stripe are refused, and the upstream sees nothing of them: not even a
//! connection.

use crate::shared::with_plans;
use serde_json::json;
use tollgate_tests::client::transport::Transport;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::{Signature, sign};
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_PATH, WEBHOOK_SECRET};

const SIGNATURE: &str = "stripe-signature";

struct Case {
    why: &'static str,
    method: &'static str,
    signature: Option<String>,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
}

fn post(why: &'static str, signature: Option<String>, body: &[u8], code: &'static str) -> Case {
    Case { why, method: "POST", signature, body: body.to_vec(), status: 400, code }
}

fn cases() -> Vec<Case> {
    let event = br#"{"id":"evt_1","object":"event","type":"customer.subscription.updated"}"#;
    let now = unix_now();
    let right = |body: &[u8]| Some(sign(&[WEBHOOK_SECRET], now, body));
    let at = |t: i64| Some(sign(&[WEBHOOK_SECRET], t, event));
    let v0 = Signature::at(now).v0(WEBHOOK_SECRET, event).header();
    let large = vec![b' '; 512 * 1024 + 1];
    vec![
        post("no signature", None, event, "missing_signature"),
        post("garbage for a signature", Some("sk_live_x".to_owned()), event, "malformed_signature"),
        post("only the scheme that proves nothing", Some(v0), event, "malformed_signature"),
        post("a signature of another body", right(b"{}"), event, "signature_mismatch"),
        post(
            "another endpoint's secret",
            Some(sign(&["whsec_other"], now, event)),
            event,
            "signature_mismatch",
        ),
        post("signed too long ago", at(now - 400), event, "timestamp_outside_tolerance"),
        post("signed in the future", at(now + 400), event, "timestamp_outside_tolerance"),
        post("signed, but not JSON", right(b"hello"), b"hello", "invalid_payload"),
        post("signed, but not text", right(b"\xff\xfe{}"), b"\xff\xfe{}", "invalid_payload"),
        post("signed, but not an event", right(b"[]"), b"[]", "invalid_payload"),
        post("signed, but empty", right(b""), b"", "invalid_payload"),
        Case { status: 413, ..post("too large", right(&large), &large, "body_too_large") },
        Case { method: "GET", status: 405, ..post("another method", None, b"", "method_not_allowed") },
        Case {
            method: "PUT",
            status: 405,
            ..post("another method", right(event), event, "method_not_allowed")
        },
    ]
}

/// Enables trailers of HTTP/1.1. As shipped, Envoy drops those before the filter, but not those of HTTP/2.
fn with_trailers(standalone: Standalone) -> Standalone {
    with_plans(standalone).edit(|config| {
        let manager = &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
        manager["typed_config"]["http_protocol_options"]["enable_trailers"] = true.into();
    })
}

#[tokio::test]
async fn the_upstream_receives_nothing_of_a_refused_webhook() {
    let gateway = Gateway::start(with_trailers).await;
    for case in cases() {
        for transport in Transport::ALL {
            let why = format!("{}, {transport:?}", case.why);
            let fields: Vec<_> = case.signature.iter().map(|value| (SIGNATURE, value.as_str())).collect();
            let target = (case.method, WEBHOOK_PATH);
            let trailers = [("x-tollgate-stripe-event", "evt_evil"), ("x-kept", "1")];
            let response =
                transport.send(gateway.envoy.address(), target, &fields, &case.body, &trailers).await;
            let response = response.unwrap_or_else(|| panic!("{why}: no answer"));
            assert_eq!(
                (response.status, &response.json()["code"]),
                (case.status, &json!(case.code)),
                "{why}"
            );
            assert_eq!(response.json()["status"], json!(case.status), "{why}");
            assert_eq!(response.header("content-type"), ["application/problem+json"], "{why}");
            let allow: &[&str] = if case.status == 405 { &["POST"] } else { &[] };
            assert_eq!(response.header("allow"), allow, "{why}");
        }
    }
    let connections = async || gateway.envoy.stats().await.value("cluster.upstream.upstream_cx_total");
    assert_eq!(connections().await, 0);
    assert_eq!(gateway.backend.received().await, []);
    assert_eq!((gateway.stripe.log().entries().len(), gateway.clerk.log().entries().len()), (0, 0));
    // A request that does reach the upstream is visible in the same ways.
    assert_eq!(gateway.get("/other").send().await.expect("a response").status(), 200);
    assert_eq!((connections().await, gateway.backend.received().await.len()), (1, 1));
}

#[tokio::test]
async fn clients_cannot_set_the_webhook_filters_header_fields() {
    let gateway = Gateway::start(with_trailers).await;
    let fields = [
        ("x-tollgate-stripe-event", "evt_evil"),
        ("X-Tollgate-Stripe-Result", "processed"),
        ("x-tollgate-stripe-", "evil"),
        ("x-tollgate-stripe-any", "evil"),
        ("x_tollgate_stripe_event", "evt_evil"),
        ("x-tollgate_stripe-result", "processed"),
        ("x-kept", "1"),
    ];
    for transport in Transport::ALL {
        gateway.backend.clear_received().await;
        let target = ("POST", "/other");
        let response = transport.send(gateway.envoy.address(), target, &fields, b"body", &fields).await;
        assert_eq!(response.map(|response| response.status), Some(200), "{transport:?}");
        let received = gateway.backend.received().await.remove(0);
        let foreign = |name: &str| name.to_ascii_lowercase().replace('_', "-").starts_with("x-tollgate");
        assert!(
            received.headers.iter().all(|(name, _)| !foreign(name)),
            "{transport:?}: {:?}",
            received.headers
        );
        assert_eq!(
            (received.header("x-kept"), received.body.as_deref()),
            (vec!["1"], Some("body")),
            "{transport:?}"
        );
    }
}
