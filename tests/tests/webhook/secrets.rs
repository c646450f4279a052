//! Tests that nothing that Envoy writes, counts, or shows ever contains a secret.

use crate::shared::{ENTERPRISE, PRO, Payer, with_plans};
use serde_json::json;
use tollgate_tests::client::wire::{exchange, request};
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::sign;
use tollgate_tests::processes::envoy::Output;
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_PATH, WEBHOOK_SECRET};

/// Returns a 401 that contains all keys, as a service might repeat what it received.
fn repeating_keys(gateway: &Gateway) -> Fault {
    let keys = format!("Invalid API Key provided: {} {}", gateway.stripe.key(), gateway.clerk.secret_key());
    Fault::status(
        401,
        &json!({
            "error": {"type": "invalid_request_error", "code": keys, "param": keys, "message": keys},
            "errors": [{"code": keys, "message": keys, "long_message": keys}],
        }),
    )
}

/// Delivers events with different outcomes, and returns the responses.
async fn deliveries(gateway: &Gateway) -> Vec<String> {
    let mut responses = Vec::new();
    let payer = Payer::named(gateway, "discreet", PRO);
    let mut events = vec![payer.event(gateway, "customer.subscription.created"); 2];
    events.push(payer.change(gateway, |s| ENTERPRISE.clone_into(&mut s.items[0].price)));
    events.push(payer.change(gateway, |s| "price_unknown".clone_into(&mut s.items[0].price)));
    for event in events {
        responses.push(gateway.deliver(&event).await.text().await.expect("text"));
    }
    let repeating = || repeating_keys(gateway);
    for fault in [repeating(), Fault::garbage(), Fault::Reset, Fault::unavailable()] {
        for faults in [gateway.stripe.faults(), gateway.clerk.faults()] {
            faults.next(1, on("GET", "/v1/"), fault.clone());
            let event = payer.event(gateway, "customer.subscription.updated");
            responses.push(gateway.deliver(&event).await.text().await.expect("text"));
        }
    }
    let body = b"{\"id\":\"evt_forged\"}";
    let wrong = sign(&[&WEBHOOK_SECRET[1..]], unix_now(), body);
    for signature in [WEBHOOK_SECRET, &wrong, &format!("t={},v1={WEBHOOK_SECRET}", unix_now())] {
        let bytes = request("POST", WEBHOOK_PATH, format!("stripe-signature: {signature}\r\n"), body);
        let response = exchange(gateway.envoy.address(), &bytes).await.expect("a response");
        assert_eq!(response.status, 400);
        responses.push(String::from_utf8(response.body).expect("text"));
    }
    responses
}

/// Sends session tokens with different outcomes. Returns them and the gateway's own responses.
async fn sessions(gateway: &Gateway) -> (Vec<String>, Vec<String>) {
    let good = gateway.token("user_discreet", "pro");
    let cut_off = good[..good.len() - 3].to_owned();
    let foreign = gateway.session("user_discreet").issuer("https://else.example.com").sign();
    let no_plan = gateway.session("user_discreet").plan("no such plan").sign();
    let tokens = vec![good, cut_off, foreign, no_plan];
    let mut responses = Vec::new();
    for token in &tokens {
        let by_header = gateway.get("/ask").bearer_auth(token);
        let by_cookie = gateway.get("/ask").header("cookie", format!("__session={token}"));
        for sent in [by_header, by_cookie] {
            let response = sent.send().await.expect("a response");
            // The upstream's response repeats the request.
            if response.status() != 200 {
                responses.push(response.text().await.expect("text"));
            }
        }
    }
    (tokens, responses)
}

#[tokio::test]
async fn no_secret_is_written_counted_or_shown() {
    let gateway = Gateway::start(with_plans).await;
    gateway.stripe.put(tollgate_tests::fakes::stripe::model::Price::new("price_unknown"));
    let delivered = deliveries(&gateway).await;
    let (tokens, refused) = sessions(&gateway).await;
    let query = format!("/last?token={}", tokens[0]);
    gateway.get(&query).send().await.expect("a response");

    let mut output = Output::read(&gateway.envoy, "/last").await;
    output.add("a response", delivered.into_iter().chain(refused));

    let keys = [WEBHOOK_SECRET, gateway.stripe.key(), gateway.clerk.secret_key()];
    // Half of a key is too much already. Of a token, the signature is the secret.
    let parts = keys.map(|key| key.rsplit('_').next().expect("a part"));
    let signatures = tokens.iter().filter_map(|token| token.rsplit('.').next());
    let secrets: Vec<&str> = parts.into_iter().chain(signatures.map(|signature| &signature[..20])).collect();
    output.require_absent(&secrets);
    for (source, expected) in [("the log", "bad_credentials"), ("/config_dump?include_eds", "stripe_api_key")]
    {
        assert!(
            output.text(source).contains(expected),
            "{source} is not what this test expects: it has no {expected}"
        );
    }
}
