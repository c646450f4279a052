//! The page about the billing endpoints: its requests succeed, and the bodies that it shows are those that
//! the filter sends.

use crate::pages::read;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::stripe::model::Price;
use tollgate_tests::processes::envoy::yaml;
use tollgate_tests::processes::gateway::Gateway;

const PAGE: &str = "docs/billing.md";
pub const USER: &str = "user_1";

/// Members whose values depend on the time or on the order of requests.
const VARYING: [&str; 12] = [
    "amount_due",
    "at",
    "current_period_end",
    "description",
    "end",
    "expires_at",
    "id",
    "lines",
    "object",
    "proration_date",
    "start",
    "url",
];

/// Starts a gateway that sells the plans of the page to a user who had a trial.
pub async fn shop() -> Gateway {
    let gateway = Gateway::start_with_billing(|shipped| {
        shipped.document(|document| {
            document["plans"] = yaml(json!([
                {"name": "free", "limits": {"asks": [{"max": 5, "per": "day"}]}},
                {"name": "pro", "prices": ["price_pro"], "features": ["priority_support"],
                 "limits": {"asks": [{"max": 100, "per": "month"}]}},
                {"name": "enterprise", "prices": ["price_month", "price_year"], "limits": {"asks": "unlimited"}},
            ]));
            document["billing"]["checkout"] = yaml(json!({"trial": {"days": 14, "plans": ["pro"]}}));
            document["billing"]["purchases"] = yaml(json!([{"name": "credits_100", "price": "price_credits"}]));
        })
    })
    .await;
    gateway.stripe.put(Price::new("price_pro"));
    gateway.stripe.put(Price::new("price_month").amount(9_000));
    gateway.stripe.put(Price::new("price_year").amount(90_000).every(1, "year"));
    gateway.stripe.put(Price::new("price_credits").amount(500).one_time());
    gateway.clerk.put_user(User::new(USER).private_metadata(json!({"trial_used": true})));
    gateway
}

async fn get(gateway: &Gateway, path: &str) -> Value {
    let request = gateway.get(&format!("/billing/{path}")).bearer_auth(gateway.token(USER, "free"));
    succeeded(path, request.send().await.expect("a response")).await
}

async fn post(gateway: &Gateway, path: &str, body: &Value) -> Value {
    let request = gateway.request(Method::POST, &format!("/billing/{path}"));
    let request = request.bearer_auth(gateway.token(USER, "free")).json(body);
    succeeded(&format!("{path} {body}"), request.send().await.expect("a response")).await
}

async fn succeeded(request: &str, response: Response) -> Value {
    let status = response.status();
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(status, 200, "{request}: {body}");
    body
}

/// Pays a checkout, and delivers what happened to the webhook.
pub async fn pay(gateway: &Gateway, session: &Value) {
    gateway.stripe.pay_session(session["id"].as_str().expect("an id"));
    for event in gateway.stripe.take_events() {
        assert_eq!(gateway.deliver(&event).await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requests_of_the_billing_page_succeed() {
    let gateway = shop().await;
    let page = read(PAGE);
    let mut sent = 0;
    for code in page.code.iter().filter(|code| code.text.starts_with('{')) {
        // What is abbreviated is a response.
        let Ok(body) = serde_json::from_str::<Value>(&code.text) else { continue };
        let paths: &[&str] = match code.heading.as_str() {
            "Checkout" => &["checkout"],
            "Portal" => &["portal"],
            "Change and its preview" => &["change/preview", "change"],
            "Cancel and resume" if body == json!({}) => &["resume"],
            "Cancel and resume" => &["cancel"],
            other => panic!("{}: no endpoint is known for {other:?}", code.location),
        };
        for path in paths {
            let response = post(&gateway, path, &body).await;
            if body["plan"] == "pro" {
                pay(&gateway, &response).await;
            }
            sent += 1;
        }
    }
    assert_eq!(sent, 7, "two checkouts, the portal, a preview, a change, a cancellation, and its end");
    let requests = page.code.iter().filter_map(|code| code.text.split_once(" /billing/"));
    let mut endpoints = 0;
    for (method, path) in requests {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let response = gateway.request(method, &format!("/billing/{path}")).send().await.expect("a response");
        assert!([200, 401].contains(&response.status().as_u16()), "{path}: {}", response.status());
        endpoints += 1;
    }
    assert_eq!(endpoints, 10, "nine endpoints, and the invoices once more");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bodies_of_the_billing_page_are_those_of_the_filter() {
    let gateway = shop().await;
    let mut sent: BTreeMap<&str, Value> = BTreeMap::new();
    let plans = get(&gateway, "plans").await;
    sent.insert("Plans", json!({"plans": [plans["plans"][1]]}));
    let session = post(&gateway, "checkout", &json!({"plan": "pro"})).await;
    pay(&gateway, &session).await;
    sent.insert("Checkout", session);
    let preview = post(&gateway, "change/preview", &json!({"plan": "enterprise", "interval": "month"})).await;
    sent.insert("Change and its preview", preview);
    post(&gateway, "cancel", &json!({})).await;
    sent.insert("Subscription", get(&gateway, "subscription").await);
    let log = gateway.envoy.log();
    let line = log.lines().find_map(|line| line.find(r#"{"audit":"checkout_started""#).map(|at| &line[at..]));
    sent.insert("What it logs", serde_json::from_str(line.expect("an audit line")).expect("JSON"));

    let page = read(PAGE);
    let shown: Vec<_> = page.blocks.iter().filter(|block| block.language == "json").collect();
    assert_eq!(shown.len(), sent.len(), "each block has a response");
    for block in shown {
        let body: Value = serde_json::from_str(&block.text).expect("JSON");
        assert_eq!(fixed(&sent[block.heading.as_str()]), fixed(&body), "{}", block.location);
        for (line, like) in lines(&body).iter().zip(lines(&sent[block.heading.as_str()])) {
            assert_eq!(members(line), members(&like), "{}", block.location);
        }
    }

    let invoices = get(&gateway, "invoices").await;
    let mut listed: Vec<_> = page.code.iter().filter(|code| code.heading == "Invoices").collect();
    listed.retain(|code| code.text.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    let mut listed: Vec<&str> = listed.iter().map(|code| code.text.as_str()).collect();
    listed.sort_unstable();
    assert_eq!(members(&invoices["invoices"][0]), listed);
}

/// Replaces the values of [`VARYING`] members by their kinds.
fn fixed(body: &Value) -> Value {
    match body {
        Value::Object(members) => {
            let fixed = members.iter().map(|(name, value)| match VARYING.contains(&name.as_str()) {
                true => (name.clone(), kind(value).into()),
                false => (name.clone(), fixed(value)),
            });
            Value::Object(fixed.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(fixed).collect()),
        other => other.clone(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a Boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn lines(body: &Value) -> Vec<Value> {
    body["lines"].as_array().cloned().unwrap_or_default()
}

/// Returns the names of the members of an object and of its `period`.
fn members(object: &Value) -> Vec<&str> {
    let objects = [object, &object["period"]].into_iter().filter_map(Value::as_object);
    let mut names: Vec<&str> = objects.flatten().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}
