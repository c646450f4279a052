//! The command that extracts Tollgate's lines from Envoy's log, as the page about alarms shows it.

use crate::pages::read;
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Command;
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_PATH};

#[tokio::test(flavor = "multi_thread")]
async fn the_command_on_the_alarms_page_extracts_json_lines_from_envoys_log() {
    let page = read("docs/alarms.md");
    let commands = page.blocks.iter().find(|block| block.language == "sh").expect("a command");
    let gateway = Gateway::start(|shipped| shipped).await;
    let unsigned = gateway.request(Method::POST, WEBHOOK_PATH).body("{}").send().await.expect("a response");
    assert_eq!(unsigned.status(), 400);

    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("envoy.log"), gateway.envoy.log()).expect("written");
    let mut bash = Command::new("bash");
    let out = bash.args(["-c", &commands.text]).current_dir(directory.path()).output().expect("bash");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.iter().any(|line| line["alarm"] == json!("missing_signature")), "{text}");
    assert!(lines.iter().all(|line| line["detail"].is_string()), "each alarm has a detail: {text}");
}
