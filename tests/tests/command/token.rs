//! `tollgate token` decides on a token as the gate does.

use std::process::Command;
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::install::command;
use tollgate_tests::processes::gateway::Gateway;

#[tokio::test]
async fn the_command_decides_on_a_token_as_the_gateway_does() {
    let mut document = None;
    let gateway = Gateway::start(|standalone| {
        standalone.document(|shipped| {
            shipped["plan_gate"]["rules"] = serde_norway::from_str(
                "[{name: ask, path_prefix: /ask, limit: asks}, {name: reports, path: /reports, require: {plan: pro}}]",
            )
            .expect("YAML");
            document = Some(shipped.clone());
        })
    })
    .await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let text = serde_norway::to_string(&document.expect("it was edited")).expect("YAML");
    std::fs::write(file.path(), text).expect("written");

    let other_key = gateway.session("user_1").plan("pro").sign_with(KeyPair::second());
    for (path, token) in [
        ("/ask", gateway.token("user_1", "free")),
        ("/reports", gateway.token("user_1", "pro")),
        ("/reports", gateway.token("user_1", "free")),
        ("/ask", other_key),
        ("/ask", gateway.session("user_1").claim("exp", 1.into()).sign()),
    ] {
        let response = gateway.get(path).bearer_auth(&token).send().await.expect("a response");
        let status = response.status().as_u16();
        let body: serde_json::Value = response.json().await.unwrap_or_default();
        let out = Command::new(command::built())
            .args(["token", "--path", path, "--config"])
            .arg(file.path())
            .arg(&token)
            .env("CLERK_JWT_KEY", KeyPair::first().pem())
            .output()
            .expect("it starts");
        let output = String::from_utf8(out.stdout).expect("UTF-8");
        let verdict = output.lines().last().expect("a verdict");
        if status == 200 {
            assert!(verdict.contains("permitted by the rule"), "{output}");
            assert_eq!(out.status.code(), Some(0), "{output}");
        } else {
            let code = body["code"].as_str().expect("a code");
            assert!(verdict.contains(&format!("refused with {status} {code}: ")), "{output}");
            assert_eq!(out.status.code(), Some(1), "{output}");
        }
    }
}
