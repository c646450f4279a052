//! Checks the page about the gate: each command that it shows gets the response written beside it.

use crate::pages::{Block, read};
use serde_json::Value;
use std::process::Command;
use tollgate_tests::processes::gateway::Gateway;

/// The service in the page's examples.
const SERVICE: &str = "https://api.example.com";

/// Starts a gateway with the README's document.
async fn gateway_of_the_readme() -> Gateway {
    gateway_with(|_| ()).await
}

/// Starts a gateway with the README's document after an edit.
async fn gateway_with(edit: impl FnOnce(&mut serde_norway::Value)) -> Gateway {
    Gateway::start(|shipped| {
        shipped.document(|document| {
            let issuer = document["plan_gate"]["issuer"].clone();
            *document = crate::yaml::readme_document();
            document["plan_gate"]["issuer"] = issuer;
            edit(document);
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_on_the_gates_page_gets_the_response_beside_it() {
    let blocks: Vec<_> =
        read("docs/gate.md").blocks.into_iter().filter(|block| block.language == "sh").collect();
    let gateway = gateway_of_the_readme().await;
    let token = gateway.token("user_1", "free");
    let count: usize = blocks.iter().map(|block| run(block, SERVICE, &gateway.envoy.url(""), &token)).sum();
    assert!(count >= 5, "the page shows only {count} commands");
}

/// Runs each line that has a response beside it, as in `curl … # 401 missing_token`: the status, and text
/// that the response must contain. Returns the number of such lines. `url` replaces `service` in the
/// commands.
pub fn run(block: &Block, service: &str, url: &str, token: &str) -> usize {
    let mut count = 0;
    for line in block.text.lines().filter(|line| line.starts_with("curl ")) {
        let Some((command, response)) = line.split_once(" # ") else {
            panic!("{}: no response is given for `{line}`", block.location)
        };
        let (status, expected) = response.split_once(' ').unwrap_or((response, ""));
        let command = command.replace(service, url);
        let out = Command::new("bash").args(["-c", &command]).env("TOKEN", token).output().expect("bash");
        let text = String::from_utf8_lossy(&out.stdout);
        let first = text.lines().next().unwrap_or_default();
        assert_eq!(first.split(' ').nth(1), Some(status), "{}: {command}\n{text}", block.location);
        assert!(text.contains(expected), "{}: {command} did not give {expected:?}:\n{text}", block.location);
        count += 1;
    }
    count
}

/// Checks that the bodies on the page have the members that the gate sends.
#[tokio::test(flavor = "multi_thread")]
async fn the_bodies_of_the_gates_page_are_those_of_the_gate() {
    let gateway = gateway_of_the_readme().await;
    let token = gateway.token("user_1", "free");
    let usage = gateway.get("/usage").bearer_auth(&token).send().await.expect("a response");
    let mut sent = vec![usage.json::<Value>().await.expect("JSON")];
    for _ in 0..6 {
        let response = gateway.get("/ask").bearer_auth(&token).send().await.expect("a response");
        if response.status() == 429 {
            sent.push(response.json().await.expect("JSON"));
        }
    }
    let anonymous = gateway.get("/ask").send().await.expect("a response");
    let free = gateway.get("/reports").bearer_auth(&token).send().await.expect("a response");
    sent.push(anonymous.json().await.expect("JSON"));
    sent.push(free.json().await.expect("JSON"));
    for (location, shown) in shown_json().into_iter().filter(|(_, shown)| !is_log_line(shown)) {
        let same = sent.iter().find(|body| body["code"] == shown["code"]);
        let body = same.unwrap_or_else(|| panic!("{location}: the gate sent no {}", shown["code"]));
        assert_eq!(timeless(body), timeless(&shown), "{location}");
    }
}

/// Checks that the log lines on the page are those of shadow mode.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_lines_of_the_gates_page_are_those_of_shadow_mode() {
    let gateway = gateway_with(|document| document["plan_gate"]["shadow"] = true.into()).await;
    let token = gateway.token("user_1", "free");
    let passed = gateway.get("/reports").bearer_auth(&token).send().await.expect("a response");
    assert_eq!(passed.status(), 200);
    let logged = gateway.envoy.log_line_with(r#""audit":"shadowed""#).await;
    let logged = logged.find('{').map(|start| &logged[start..]).expect("a JSON object");
    let logged: Value = serde_json::from_str(logged).expect("JSON");
    let lines: Vec<_> = shown_json().into_iter().filter(|(_, shown)| is_log_line(shown)).collect();
    assert!(!lines.is_empty(), "docs/gate.md shows no log line");
    for (location, shown) in lines {
        assert_eq!(logged, shown, "{location}");
    }
}

/// Returns the JSON that the page about the gate shows, with the location of each block.
fn shown_json() -> Vec<(String, Value)> {
    let blocks = read("docs/gate.md").blocks.into_iter().filter(|block| block.language == "json");
    let parsed = blocks.map(|block| (block.location, serde_json::from_str(&block.text)));
    parsed.map(|(location, shown)| (location, shown.expect("JSON"))).collect()
}

/// Returns whether this is a line of the log, and not the body of a response.
fn is_log_line(shown: &Value) -> bool {
    shown.get("audit").is_some()
}

/// Removes the members that depend on the time and on earlier requests.
fn timeless(body: &Value) -> Value {
    match body {
        Value::Object(members) => {
            let fixed =
                members.iter().filter(|(name, _)| !["reset", "used", "remaining"].contains(&name.as_str()));
            Value::Object(fixed.map(|(name, value)| (name.clone(), timeless(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(timeless).collect()),
        other => other.clone(),
    }
}
