//! Twenty invalid documents: `tollgate check` and Envoy's log report the same error for each, with location
//! and fix.

use serde_json::Value;
use std::process::Command;
use tokio::task::JoinSet;
use tollgate_tests::install::command;
use tollgate_tests::install::modules::Modules;
use tollgate_tests::install::workspace;
use tollgate_tests::processes::envoy::Standalone;

/// The invalid location (RFC 6901), its value (null: removed), and the start of the error and a part of its
/// advice.
const CASES: [(&str, &str, &str, &str); 20] = [
    ("/plan", "[]", "plan: unknown field", "did you mean \"plans\"?"),
    ("/plans", "null", "plans: missing", "write it like `plans: ["),
    ("/plans/1/name", "\"free\"", "plans[1].name: ", "free"),
    ("/plans/1/prices/0", "\"prod_1\"", "plans[1].prices[0]: ", "`products`"),
    ("/plans/0/limits/asks", "5", "plans[0].limits.asks: ", "unlimited"),
    ("/plans/0/limits/asks/0/per", "\"year\"", "plans[0].limits.asks[0].per: ", "month"),
    ("/plans/0/limits/asks/0/max", "-1", "plans[0].limits.asks[0].max: ", "0"),
    (
        "/stripe_webhook/path",
        "null",
        "stripe_webhook.path: missing",
        "write it like `path: /webhooks/stripe`",
    ),
    ("/stripe_webhook/path", "\"webhooks\"", "stripe_webhook.path: ", "/"),
    ("/stripe_webhook/mode", "\"forwards\"", "stripe_webhook.mode: ", "forward"),
    ("/stripe_webhook/tolerance_s", "\"5m\"", "stripe_webhook.tolerance_s: ", "number"),
    ("/stripe_webhook/past_due", "14", "stripe_webhook.past_due: ", "grace_days"),
    ("/stripe_webhook/stripe/timeout_ms", "0", "stripe_webhook.stripe.timeout_ms: ", "milliseconds"),
    ("/plan_gate/issuer", "\"clerk.example.com\"", "plan_gate.issuer: ", "https://"),
    ("/plan_gate/keys", "{}", "plan_gate.keys: ", "pem"),
    ("/plan_gate/authorized_parties", "[]", "plan_gate.authorized_parties: ", "require_azp: false"),
    ("/plan_gate/rules/0/limit", "\"ask\"", "plan_gate.rules[0].limit: no plan defines", "\"asks\""),
    (
        "/plan_gate/rules/0/lmit",
        "\"asks\"",
        "plan_gate.rules[0].lmit: unknown field",
        "did you mean \"limit\"?",
    ),
    ("/plan_gate/store", "\"redis\"", "plan_gate.store: ", "local"),
    ("/plan_gate/usage_path", "\"/webhooks/stripe\"", "plan_gate.usage_path: ", "use another path"),
];

/// Makes the document invalid at one location.
fn wrong(document: &mut Value, pointer: &str, value: &str) {
    let value: Value = serde_json::from_str(value).expect("JSON");
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent).expect("it is there") {
        Value::Object(members) if value.is_null() => drop(members.remove(name)),
        Value::Object(members) => drop(members.insert(name.to_owned(), value)),
        Value::Array(items) => items[name.parse::<usize>().expect("a number")] = value,
        other => panic!("{pointer}: {other}"),
    }
}

/// Returns the only error that the command reports.
fn of_the_command(document: &Value) -> String {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    std::io::Write::write_all(&mut file, document.to_string().as_bytes()).expect("written");
    let out = Command::new(command::built()).arg("check").arg(file.path()).output().expect("it starts");
    assert_eq!(out.status.code(), Some(1), "{document}");
    let errors = String::from_utf8(out.stderr).expect("UTF-8");
    // `file:line:column: error[invalid_document]: `, without a position if a field is missing at the top.
    let prefix = file.path().display().to_string();
    let mut found = errors.lines().filter_map(|line| {
        let (_position, error) = line.strip_prefix(&prefix)?.split_once(": error[invalid_document]: ")?;
        Some(error)
    });
    let error = found.next().unwrap_or_else(|| panic!("no error in {errors}"));
    assert_eq!(found.next(), None, "one value is wrong, so there is one error");
    error.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_and_envoys_log_report_the_same_errors() {
    let shipped = Standalone::load().document_of("plan_gate");
    let shipped: Value = serde_json::to_value(shipped).expect("YAML without tags is JSON");
    command::built();
    let mut cases = JoinSet::new();
    for (pointer, value, begins, advises) in CASES {
        let mut document = shipped.clone();
        wrong(&mut document, pointer, value);
        cases.spawn(async move {
            let error = of_the_command(&document);
            assert!(error.starts_with(begins) && error.contains(advises), "{pointer} = {value}: {error}");
            let written = serde_norway::to_value(&document).expect("JSON is YAML");
            let envoy = Standalone::load().modules(Modules::build()).document(|document| *document = written);
            // The filter that reports nothing need not be compiled.
            let other = if begins.starts_with("stripe_webhook") { "plan_gate" } else { "stripe_webhook" };
            let log = envoy.without_filter(other).start_rejected().await;
            assert!(log.contains(&error), "{pointer} = {value}: no {error:?} in\n{log}");
        });
        // Each Envoy compiles two modules.
        if cases.len() >= 4 {
            cases.join_next().await.expect("one").expect("a passed case");
        }
    }
    cases.join_all().await;
}

#[test]
fn the_shipped_configuration_is_valid() {
    let file = workspace::file("envoy/standalone.yaml");
    let out = Command::new(command::built()).arg("check").arg(file).output().expect("it starts");
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
}
