//! Requests that are not events of Clerk are refused, and the upstream sees nothing of them: not even a
//! connection.

use crate::shared::mirrored;
use serde_json::json;
use tollgate_tests::client::transport::Transport;
use tollgate_tests::fakes::clerk::billing::signed_fields;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::processes::envoy::{EXAMPLE_CLERK_WEBHOOK_SECRET, Standalone};
use tollgate_tests::processes::gateway::{CLERK_WEBHOOK_PATH, Gateway};

const EVENT: &[u8] = br#"{"object":"event","type":"user.created","data":{}}"#;
const ID: &str = "msg_1";
/// The secret of another endpoint.
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

type Fields = Vec<(&'static str, String)>;

struct Case {
    why: &'static str,
    method: &'static str,
    fields: Fields,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
}

fn post(why: &'static str, fields: Fields, body: &[u8], code: &'static str) -> Case {
    Case { why, method: "POST", fields, body: body.to_vec(), status: 400, code }
}

/// Returns the header fields of a signature with the right secret.
fn signed(id: &str, timestamp: &str, body: &[u8]) -> Fields {
    signed_fields(id, &[EXAMPLE_CLERK_WEBHOOK_SECRET], timestamp, body).into()
}

fn cases() -> Vec<Case> {
    let now = unix_now();
    let t = now.to_string();
    let right = |body: &[u8]| signed(ID, &t, body);
    let at = |offset: i64| signed(ID, &(now + offset).to_string(), EVENT);
    let mut renamed = right(EVENT);
    renamed[0].1 = "msg_2".to_owned();
    let mut asymmetric = right(EVENT);
    asymmetric[2].1 = asymmetric[2].1.replace("v1,", "v1a,");
    let large = vec![b' '; 512 * 1024 + 1];
    vec![
        post("no signature", Fields::new(), EVENT, "missing_signature"),
        post("no id", right(EVENT)[1..].to_vec(), EVENT, "missing_signature"),
        post(
            "a signature of Stripe",
            vec![("stripe-signature", "t=1,v1=00".to_owned())],
            EVENT,
            "missing_signature",
        ),
        post("an asymmetric signature", asymmetric, EVENT, "malformed_signature"),
        post("a dot in the id", signed("msg.1", &t, EVENT), EVENT, "malformed_signature"),
        post(
            "letters behind the timestamp",
            signed(ID, &format!("{t}abc"), EVENT),
            EVENT,
            "malformed_signature",
        ),
        post("a signature of another body", right(b"{}"), EVENT, "signature_mismatch"),
        post("the id of another event", renamed, EVENT, "signature_mismatch"),
        post(
            "another endpoint's secret",
            signed_fields(ID, &[OTHER_SECRET], &t, EVENT).into(),
            EVENT,
            "signature_mismatch",
        ),
        post("signed too long ago", at(-400), EVENT, "timestamp_outside_tolerance"),
        post("signed in the future", at(400), EVENT, "timestamp_outside_tolerance"),
        post("signed, but not JSON", right(b"hello"), b"hello", "invalid_payload"),
        post("signed, but not text", right(b"\xff\xfe{}"), b"\xff\xfe{}", "invalid_payload"),
        post("signed, but empty", right(b""), b"", "invalid_payload"),
        Case { status: 413, ..post("too large", right(&large), &large, "body_too_large") },
        Case {
            method: "GET",
            status: 405,
            ..post("another method", Fields::new(), b"", "method_not_allowed")
        },
        Case {
            method: "PUT",
            status: 405,
            ..post("another method", right(EVENT), EVENT, "method_not_allowed")
        },
    ]
}

#[tokio::test]
async fn the_upstream_receives_nothing_of_a_refused_webhook() {
    let gateway = Gateway::start_with_clerk_webhook(mirrored).await;
    for case in cases() {
        for transport in Transport::ALL {
            let why = format!("{}, {transport:?}", case.why);
            let fields: Vec<_> = case.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let target = (case.method, CLERK_WEBHOOK_PATH);
            let response = transport.send(gateway.envoy.address(), target, &fields, &case.body, &[]).await;
            let response = response.unwrap_or_else(|| panic!("{why}: no response"));
            let found = (response.status, &response.json()["code"]);
            assert_eq!(found, (case.status, &json!(case.code)), "{why}");
            assert_eq!(response.header("content-type"), ["application/problem+json"], "{why}");
            let allow: &[&str] = if case.status == 405 { &["POST"] } else { &[] };
            assert_eq!(response.header("allow"), allow, "{why}");
        }
    }
    let connections = async || gateway.envoy.stats().await.value("cluster.upstream.upstream_cx_total");
    assert_eq!(connections().await, 0);
    assert_eq!((gateway.stripe.log().entries().len(), gateway.clerk.log().entries().len()), (0, 0));
    // A request that does reach the upstream is visible in the same way.
    assert_eq!(gateway.get("/other").send().await.expect("a response").status(), 200);
    assert_eq!(connections().await, 1);
}

#[tokio::test]
async fn a_rotation_accepts_both_secrets() {
    let both = format!("{OTHER_SECRET},{EXAMPLE_CLERK_WEBHOOK_SECRET}");
    let rotating = |standalone: Standalone| mirrored(standalone).env("CLERK_WEBHOOK_SIGNING_SECRET", &both);
    let gateway = Gateway::start_with_clerk_webhook(rotating).await;
    let cases: [(&[&str], u16); 3] = [
        (&[OTHER_SECRET], 200),
        (&[EXAMPLE_CLERK_WEBHOOK_SECRET, OTHER_SECRET], 200),
        (&["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"], 400),
    ];
    for (secrets, status) in cases {
        let request = gateway.request(reqwest::Method::POST, CLERK_WEBHOOK_PATH).body(EVENT);
        let fields = signed_fields(ID, secrets, &unix_now().to_string(), EVENT);
        let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, value));
        assert_eq!(request.send().await.expect("a response").status(), status, "{secrets:?}");
    }
    let log = gateway.envoy.log();
    assert!(log.contains("signature_mismatch") && !log.contains("whsec_"), "no secret is logged");
}

#[tokio::test]
async fn a_secret_that_is_no_key_is_refused_at_the_start() {
    let started = |secret: &str| {
        let shipped = Standalone::load().modules(tollgate_tests::install::modules::Modules::build());
        shipped.env("CLERK_WEBHOOK_SIGNING_SECRET", secret).start_rejected()
    };
    for secret in ["whsec_c2hvcnQ=", "whsec_5Ab9_xYz-0123456789"] {
        let log = started(secret).await;
        assert!(log.contains("CLERK_WEBHOOK_SIGNING_SECRET holds no signing secret at position 1"), "{log}");
        assert!(!log.contains(secret), "no secret is logged");
    }
}
