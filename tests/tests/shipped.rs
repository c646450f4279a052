//! The shipped file is accepted by Envoy unchanged, with the modules, and without a warning.

use std::process::Command;
use tollgate_tests::fakes::upstream::Certificate;
use tollgate_tests::install::modules::{Modules, cargo_home};
use tollgate_tests::install::workspace;
use tollgate_tests::processes::envoy::{
    EXAMPLE_CLERK_JWT_KEY, EXAMPLE_CLERK_WEBHOOK_SECRET, FILTERS, Standalone, program,
};

/// Checks the text itself, so that Envoy's own YAML reader reads its comments, anchors and aliases; the
/// harness's other starts use another reader.
#[test]
fn the_shipped_file_is_accepted_with_only_its_file_paths_changed() {
    let modules = Modules::build();
    let authorities = Certificate::for_names(&["api.stripe.com"]);
    let dir = tempfile::tempdir().expect("a directory");
    let secrets = dir.path().join("secrets");
    std::fs::create_dir(&secrets).expect("a directory");
    for secret in ["stripe_api_key.yaml", "clerk_secret_key.yaml"] {
        let example = workspace::file(&format!("envoy/secrets/{secret}.example"));
        std::fs::copy(example, secrets.join(secret)).expect("a copy of the example");
    }
    let paths = [
        ("/etc/tollgate/stripe_webhook.wasm", modules.stripe_webhook.as_path()),
        ("/etc/tollgate/clerk_webhook.wasm", &modules.clerk_webhook),
        ("/etc/tollgate/billing.wasm", &modules.billing),
        ("/etc/tollgate/plan_gate.wasm", &modules.plan_gate),
        ("/etc/tollgate/secrets", &secrets),
        ("/etc/ssl/certs/ca-certificates.crt", &authorities.authority()),
    ];
    let mut text =
        std::fs::read_to_string(workspace::file("envoy/standalone.yaml")).expect("standalone.yaml");
    for (shipped, here) in paths {
        assert!(text.contains(shipped), "standalone.yaml has no {shipped}");
        text = text.replace(shipped, &here.display().to_string());
    }
    let config = dir.path().join("standalone.yaml");
    std::fs::write(&config, text).expect("the file can be written");

    let mut envoy = Command::new(program());
    envoy.args(["--mode", "validate", "--config-path"]).arg(config).env_clear();
    envoy.env("STRIPE_WEBHOOK_SECRET", "whsec_example").env("CLERK_JWT_KEY", EXAMPLE_CLERK_JWT_KEY);
    envoy.env("CLERK_WEBHOOK_SIGNING_SECRET", EXAMPLE_CLERK_WEBHOOK_SECRET);
    let out = envoy.output().expect("Envoy runs");
    let log = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{log}");
    assert!(!log.contains("[warning]") && !log.contains("[error]"), "{log}");
}

#[test]
fn all_filters_have_the_same_document() {
    let mut standalone = Standalone::load();
    let webhook = standalone.document_of("stripe_webhook");
    for filter in FILTERS {
        assert_eq!(standalone.document_of(filter), webhook, "{filter}");
    }
}

/// Envoy uses each expression of a label, but logs a warning about a label that has several.
#[test]
fn each_label_of_the_metrics_has_one_expression() {
    for file in ["standalone.yaml", "standalone-native.yaml", "envoy-gateway/tollgate.yaml"] {
        let text = workspace::text(&format!("envoy/{file}"));
        let labels = text.split("{tag_name: ").skip(1).map(|rest| rest.split(',').next());
        let mut labels: Vec<&str> = labels.map(|label| label.expect("a name")).collect();
        labels.sort_unstable();
        assert!(labels.contains(&"code") && labels.contains(&"result"), "{file}: {labels:?}");
        assert!(labels.is_sorted_by(|one, next| one < next), "{file}: {labels:?}");
    }
}

#[tokio::test]
async fn all_modules_serve_on_every_worker() {
    let envoy = Standalone::load().modules(Modules::build()).start().await;
    let log = envoy.log();
    assert!(!log.contains("[warning]"), "{log}");
    let stats = envoy.stats().await;
    for filter in FILTERS {
        assert_eq!(stats.vm_reloads(filter), 0, "{filter}");
    }
    assert!(stats.value("wasm.envoy.wasm.runtime.v8.active") >= 8, "four filters on two workers");
}

#[test]
fn the_modules_do_not_contain_paths_of_the_build() {
    let modules = Modules::build();
    for module in modules.files() {
        let bytes = std::fs::read(module).expect("a module");
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("cargo/registry/src/"), "{}: this test looks for the wrong text", module.display());
        for dir in [cargo_home(), workspace::root()] {
            let dir = dir.display().to_string();
            assert!(!holds(&dir), "{} contains {dir}", module.display());
        }
    }
}
