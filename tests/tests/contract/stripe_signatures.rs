//! Stripe's own library and Tollgate accept each other's signatures.

use crate::script;
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_core::stripe::api::STRIPE_VERSION;
use tollgate_core::stripe::signature::{SignatureError, verify};
use tollgate_core::time::Micros;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::{self, Signature};

const SECRET: &str = "whsec_contract0001";
const OTHER: &str = "whsec_contract0002";
const TOLERANCE: Duration = Duration::from_secs(300);

/// Bodies in which bytes and characters, or JSON and its bytes, differ.
fn bodies() -> Vec<String> {
    let event = |name: &str| {
        let object = json!({"object": "customer", "id": "cus_1", "name": name});
        json!({"id": "evt_1", "object": "event", "type": "customer.updated", "data": {"object": object}})
    };
    let pretty = serde_json::to_string_pretty(&event("Ada")).expect("JSON");
    vec![
        event("Ada").to_string(),
        pretty.replace('\n', "\r\n"),
        pretty + "\n",
        event("Zoë 東京 🚪 \u{feff}\u{2028}").to_string(),
        event("Zo").to_string().replace("Zo", "Zo\\u00eb \\/ \\ud83d\\udeaa"),
        event(&"long ".repeat(50_000)).to_string(),
    ]
}

/// Returns what Stripe's library returns for each call.
pub async fn call(calls: &[Value]) -> Vec<String> {
    let requirements = "tests/stripe-sdk-requirements.txt";
    let output = script::run("tests/contracts/stripe_sdk.py", requirements, &json!(calls)).await;
    assert_eq!(output["version"], STRIPE_VERSION, "the version that Stripe's library is made for");
    let responses = output["answers"].as_array().expect("a list");
    responses.iter().map(|response| response.as_str().expect("a text").to_owned()).collect()
}

/// Returns the call that signs a body at a time in Unix seconds.
pub fn to_sign(body: &str, secret: &str, timestamp: i64) -> Value {
    json!({"sign": {"body": body, "secret": secret, "timestamp": timestamp}})
}

/// Returns the call that verifies the signature of a body.
fn to_check(body: &str, header: &str, secret: &str) -> Value {
    json!({"check": {"body": body, "header": header, "secret": secret}})
}

fn verified(header: &str, body: &str, secrets: &[&str], now: i64) -> Result<i64, SignatureError> {
    let now = Micros::from_secs(now.try_into().expect("after 1970"));
    let secrets = secrets.iter().map(|secret| secret.as_bytes());
    let signed_at = verify(Some(header.as_bytes()), body.as_bytes(), secrets, now, TOLERANCE)?;
    Ok(signed_at.as_secs().try_into().expect("a time"))
}

#[tokio::test]
async fn signatures_of_stripes_library_are_accepted() {
    let (bodies, now) = (bodies(), unix_now());
    let calls: Vec<_> = bodies.iter().map(|body| to_sign(body, SECRET, now)).collect();
    for (body, header) in bodies.iter().zip(call(&calls).await) {
        assert_eq!(verified(&header, body, &[SECRET], now), Ok(now), "{header}");
        assert_eq!(verified(&header, body, &[OTHER, SECRET], now + 300), Ok(now), "the second secret");
        let no_match = SignatureError::NoMatch { signatures: 1, secrets: 1 };
        assert_eq!(verified(&header, body, &[OTHER], now), Err(no_match.clone()), "another secret");
        assert_eq!(verified(&header, &format!("{body} "), &[SECRET], now), Err(no_match), "another body");
    }
}

#[tokio::test]
async fn signatures_of_the_tests_are_accepted_by_stripes_library() {
    let (now, mut calls, mut want) = (unix_now(), Vec::new(), Vec::new());
    for body in bodies() {
        let bytes = body.as_bytes();
        let own = stripe::sign(&[SECRET], now, bytes);
        let rolled = stripe::sign(&[OTHER, SECRET], now, bytes);
        let with_v0 = Signature::at(now).v0(OTHER, bytes).v1(SECRET, bytes).header();
        let only_v0 = Signature::at(now).v0(SECRET, bytes).header();
        let old = stripe::sign(&[SECRET], now - 3600, bytes);
        let cases = [
            ("one secret", &own, SECRET, true),
            ("while a secret is rotated: the new one", &rolled, SECRET, true),
            ("while a secret is rotated: the old one", &rolled, OTHER, true),
            ("with an additional signature of test tools", &with_v0, SECRET, true),
            ("only one of test tooling", &only_v0, SECRET, false),
            ("another secret", &own, OTHER, false),
            ("an hour old", &old, SECRET, false),
        ];
        for (why, header, secret, accepted) in cases {
            // The library must agree with this below.
            assert_eq!(verified(header, &body, &[secret], now).is_ok(), accepted, "{why}");
            calls.push(to_check(&body, header, secret));
            want.push((why, accepted));
        }
    }
    for ((why, accepted), response) in want.into_iter().zip(call(&calls).await) {
        assert_eq!(response == "evt_1", accepted, "{why}: {response}");
        assert_eq!(response.starts_with("refused: "), !accepted, "{why}: {response}");
    }
}
