//! Tests that nothing that Envoy writes, counts, or shows ever contains a session URL, a key, or an email
//! address.

use crate::shared::{Client, Shop, synced_events};
use reqwest::Method;
use serde_json::{Value, json};
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::fakes::stripe::model::{Card, Customer, Subscription};
use tollgate_tests::processes::envoy::Output;
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_SECRET};

const USER: &str = "user_discreet";
/// The address of the fake of Clerk.
const ADDRESS_AT_CLERK: &str = "user_discreet@example.com";
const ADDRESS_AT_STRIPE: &str = "ada.receipts@example.org";
const ADDRESS_IN_REQUEST: &str = "ada.private@example.net";

/// Returns an error of a service that repeats all that it knows.
fn repeating(gateway: &Gateway, status: u16) -> Fault {
    let known = format!("{} {} {ADDRESS_AT_STRIPE}", gateway.stripe.key(), gateway.clerk.secret_key());
    Fault::status(
        status,
        &json!({
            "error": {"type": "invalid_request_error", "code": known, "param": known, "message": known},
            "errors": [{"code": known, "message": known, "long_message": known}],
        }),
    )
}

/// Buys, opens the portal, changes, and lists invoices. Returns all URLs of Stripe's pages in the responses.
async fn urls_of_pages(gateway: &Gateway, ada: &Client<'_>) -> Vec<String> {
    let mut urls = Vec::new();
    let mut act = async |path: &str, body: Value, want: u16| {
        let (status, response) = ada.post(path, body).await;
        assert_eq!(status, want, "{path}: {response}");
        urls.extend(response["url"].as_str().map(str::to_owned));
        response
    };
    act("checkout", json!({"purchase": "credits_100"}), 200).await;
    let session = act("checkout", json!({"plan": "pro"}), 200).await;
    gateway.stripe.pay_session(session["id"].as_str().expect("an id"));
    synced_events(gateway).await;
    let customer = customer(gateway);
    gateway
        .stripe
        .change::<Customer>(&customer, |customer| customer.email = Some(ADDRESS_AT_STRIPE.to_owned()));
    act("portal", json!({}), 200).await;
    act("portal", json!({"flow": "payment_method"}), 200).await;
    act("cancel", json!({"comment": format!("write to {ADDRESS_IN_REQUEST}")}), 200).await;
    act("resume", json!({}), 200).await;
    let upgrade = json!({"plan": "enterprise", "interval": "month"});
    gateway.stripe.set_card(&customer, Card::Declines);
    act("change", upgrade.clone(), 402).await;
    gateway.stripe.set_card(&customer, Card::NeedsAuthentication);
    act("change", upgrade, 402).await;
    synced_events(gateway).await;
    let (_, invoices) = ada.get("invoices").await;
    for invoice in invoices["invoices"].as_array().expect("a list") {
        urls.extend(
            ["hosted_url", "pdf_url"].iter().filter_map(|name| invoice[name].as_str()).map(str::to_owned),
        );
    }
    urls
}

fn customer(gateway: &Gateway) -> String {
    let newest = gateway.stripe.account(|account| {
        account.newest_first::<Subscription>(|_| true).first().map(|found| found.customer.clone())
    });
    newest.expect("a subscription")
}

/// Sends requests that are refused or fail, and returns the responses.
async fn failures(gateway: &Gateway, ada: &Client<'_>) -> Vec<String> {
    let mut responses = Vec::new();
    let requests = || {
        [
            ada.request(Method::POST, "portal").json(&json!({})),
            ada.request(Method::POST, "cancel").json(&json!({})),
            ada.request(Method::GET, "invoices"),
        ]
    };
    for fault in [400, 401, 403, 429, 500].map(|status| repeating(gateway, status)) {
        for (method, faults) in [
            ("POST", gateway.stripe.faults()),
            ("GET", gateway.stripe.faults()),
            ("GET", gateway.clerk.faults()),
        ] {
            for request in requests() {
                faults.next(1, on(method, "/v1/"), fault.clone());
                responses.push(request.send().await.expect("a response").text().await.expect("text"));
                faults.clear();
            }
        }
    }
    let return_url = format!("https://evil.example.com/?mail={ADDRESS_IN_REQUEST}");
    for body in [json!({"plan": ADDRESS_IN_REQUEST}), json!({"plan": "pro", "success_url": return_url})] {
        let response = ada.request(Method::POST, "checkout").json(&body).send().await.expect("a response");
        responses.push(response.text().await.expect("text"));
    }
    responses
}

#[tokio::test]
async fn no_page_key_or_address_is_written_counted_or_shown() {
    let Shop { gateway, .. } = Shop::start().await;
    gateway.clerk.put_user(User::new(USER).private_metadata(json!({"trial_used": true})));
    let ada = Client::with_token(&gateway, gateway.token(USER, "free"));
    let urls = urls_of_pages(&gateway, &ada).await;
    assert!(urls.len() >= 8, "two checkouts, two portals, two payments that failed, an invoice: {urls:?}");
    let responses = failures(&gateway, &ada).await;
    ada.get(&format!("invoices?after={ADDRESS_IN_REQUEST}")).await;
    gateway.get("/last").send().await.expect("a response");

    let mut output = Output::read(&gateway.envoy, "/last").await;
    let keys = [WEBHOOK_SECRET, gateway.stripe.key(), gateway.clerk.secret_key()];
    // Half of a key is too much already.
    let keys = keys.map(|key| key.rsplit('_').next().expect("a part"));
    let addresses = [ADDRESS_AT_CLERK, ADDRESS_AT_STRIPE, ADDRESS_IN_REQUEST];
    let paths: Vec<&str> = urls.iter().filter_map(|url| url.splitn(4, '/').nth(3)).collect();
    output.require_absent(&paths);
    // The subject's own pages are in the responses.
    output.add("a response", responses);
    output.require_absent(&[&keys[..], &addresses].concat());
    for (source, expected) in [
        ("the log", "checkout_started"),
        ("the log", "portal_opened"),
        ("the log", "upstream_refused"),
        ("/stats", "tollgate.billing.portal.upstream_refused"),
    ] {
        assert!(
            output.text(source).contains(expected),
            "{source} is not what this test expects: no {expected}"
        );
    }
}
