//! An invalid document: Envoy does not start with it, and its log contains the location and the fix.

use serde_norway::Value;
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::install::modules::Modules;
use tollgate_tests::processes::envoy::Standalone;

fn gate(edit: impl FnOnce(&mut Value)) -> Standalone {
    let standalone =
        Standalone::load().modules(Modules::build()).document(|document| edit(&mut document["plan_gate"]));
    standalone.without_filter("stripe_webhook")
}

#[tokio::test]
async fn an_invalid_document_is_rejected_with_location_and_fix() {
    let cases = [
        (
            "a limit that no plan defines",
            gate(|gate| gate["rules"][0]["limit"] = "ask".into()),
            r#"plan_gate.rules[0].limit: no plan defines a limit "ask"; defined: "asks""#,
        ),
        ("an unknown field", gate(|gate| gate["isuer"] = "x".into()), "plan_gate.isuer"),
        (
            "a plan that does not exist",
            gate(|gate| gate["rules"][0]["require"]["plan"] = "platinum".into()),
            "plan_gate.rules[0].require",
        ),
        ("no key", gate(|_| {}).without_env("CLERK_JWT_KEY"), "CLERK_JWT_KEY"),
        ("half a key", gate(|_| {}).env("CLERK_JWT_KEY", &half_a_key()), "plan_gate.keys.pem"),
    ];
    for (why, standalone, error) in cases {
        let log = standalone.start_rejected().await;
        assert!(log.contains(error), "{why}: no {error:?} in\n{log}");
        assert!(!log.contains(&half_a_key()[40..80]), "{why}: a key is in the log");
    }
}

fn half_a_key() -> String {
    let pem = KeyPair::first().pem();
    pem[..pem.len() / 2].to_owned()
}
