//! `tollgate init`: the folder has files with the right modes, `tollgate check --strict` accepts it, and a real
//! Envoy starts from it and guards the service.

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::fakes::clerk::{FakeClerk, User};
use tollgate_tests::fakes::upstream::Backend;
use tollgate_tests::install::command;
use tollgate_tests::install::modules::Modules;
use tollgate_tests::processes::envoy::{program, serving};
use tollgate_tests::waiting::until;

/// The origin of the application.
const AUTHORIZED_PARTY: &str = "https://app.shop.example";

/// Runs the command without a terminal.
fn init(directory: &Path, backend: &str, issuer: &str) -> Output {
    let mut command = Command::new(command::built());
    command.arg("init").arg(directory).args(["--backend", backend, "--issuer", issuer]);
    command.args(["--authorized-party", AUTHORIZED_PARTY, "--plan", "free", "--plan", "pro=price_1"]);
    command.stdin(Stdio::null()).output().expect("it starts")
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions().mode() & 0o777
}

#[test]
fn the_folder_is_complete_and_its_secrets_are_private() {
    let parent = tempfile::tempdir().expect("a directory");
    let folder = parent.path().join("gateway");
    let output = init(&folder, "127.0.0.1:8000", "https://clerk.shop.example");
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    let files = [
        ("envoy.yaml", 0o644),
        ("README.md", 0o644),
        (".gitignore", 0o644),
        ("secrets", 0o700),
        ("secrets/environment", 0o600),
        ("secrets/stripe_api_key.yaml", 0o600),
        ("secrets/clerk_secret_key.yaml", 0o600),
    ];
    for (file, want) in files {
        assert_eq!(mode(&folder.join(file)), want, "{file}");
    }
    assert!(fs::read_to_string(folder.join(".gitignore")).expect("a file").contains("/secrets/"));
    let check = Command::new(command::built())
        .args(["check", "--strict"])
        .arg(folder.join("envoy.yaml"))
        .output()
        .expect("it starts");
    assert_eq!(check.status.code(), Some(0), "{}", error(&check));
    let again = init(&folder, "127.0.0.1:8000", "https://clerk.shop.example");
    assert_eq!(again.status.code(), Some(2));
    assert!(error(&again).contains("is not empty"), "{}", error(&again));
}

/// Returns the lines about warnings.
fn warnings(output: &Output) -> Vec<String> {
    error(output).lines().filter(|line| line.contains(": warning[")).map(str::to_owned).collect()
}

#[test]
fn the_command_prints_the_warnings_of_the_check() {
    let parent = tempfile::tempdir().expect("a directory");
    let folder = parent.path().join("gateway");
    let output = init(&folder, "127.0.0.1:8000", "https://clerk.example.com");
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    let mut check = Command::new(command::built());
    let check = check.arg("check").arg(folder.join("envoy.yaml")).output().expect("it starts");
    assert_eq!(warnings(&output).len(), 1, "{}", error(&output));
    assert_eq!(warnings(&output), warnings(&check));
}

#[test]
fn nothing_is_written_if_an_argument_is_wrong() {
    let parent = tempfile::tempdir().expect("a directory");
    let folder = parent.path().join("gateway");
    let cases = [
        ("127.0.0.1", "https://clerk.shop.example", "--backend: "),
        ("127.0.0.1:8000", "clerk.shop.example", "--issuer: "),
    ];
    for (backend, issuer, want) in cases {
        let output = init(&folder, backend, issuer);
        assert_eq!(output.status.code(), Some(2), "{want}");
        assert!(error(&output).contains(want), "{want}: {}", error(&output));
        assert!(!folder.exists(), "{want}");
    }
    let unpaid = Command::new(command::built())
        .arg("init")
        .arg(&folder)
        .args(["--backend", "127.0.0.1:8000", "--issuer", "https://clerk.shop.example"])
        .args(["--authorized-party", AUTHORIZED_PARTY, "--plan", "pro=price_1"])
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    assert_eq!(unpaid.status.code(), Some(2));
    assert!(error(&unpaid).contains("everyone has without paying"), "{}", error(&unpaid));
    assert!(!folder.exists());
    let nowhere = init(&folder.join("deep"), "127.0.0.1:8000", "https://clerk.shop.example");
    assert!(error(&nowhere).contains("a folder in one that exists"), "{}", error(&nowhere));
    let without = Command::new(command::built()).arg("init").arg(&folder).stdin(Stdio::null()).output();
    let without = without.expect("it starts");
    assert_eq!(without.status.code(), Some(2));
    assert!(error(&without).contains("missing: --backend"), "{}", error(&without));
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_starts_from_the_folder_and_guards_the_service() {
    let (clerk, backend) = (FakeClerk::start().await, Backend::start().await);
    clerk.put_user(User::new("user_ada"));
    let parent = tempfile::tempdir().expect("a directory");
    let folder = parent.path().join("gateway");
    let output = init(&folder, &backend.address().to_string(), clerk.issuer());
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    for module in Modules::build().files() {
        let name = module.file_name().expect("a file");
        fs::copy(module, folder.join(name)).expect("a module");
    }
    fs::write(folder.join("clerk-public-key.pem"), KeyPair::first().pem()).expect("a key");
    // Free ports, because other tests run on this machine.
    let file = folder.join("envoy.yaml");
    let text = fs::read_to_string(&file).expect("a file");
    let ports = text
        .replace("address: 0.0.0.0, port_value: 8080", "address: 127.0.0.1, port_value: 0")
        .replace("address: 127.0.0.1, port_value: 9901", "address: 127.0.0.1, port_value: 0");
    assert_ne!(text, ports);
    fs::write(&file, ports).expect("a file");

    let admin = folder.join("admin");
    let start = format!(
        ". secrets/environment && exec {} -c envoy.yaml --disable-hot-restart --admin-address-path {}",
        program().display(),
        admin.display()
    );
    let log = fs::File::create(folder.join("log")).expect("a log");
    let mut envoy = tokio::process::Command::new("sh");
    envoy.args(["-c", &start]).current_dir(&folder).stdin(Stdio::null()).kill_on_drop(true);
    envoy.stdout(log.try_clone().expect("a log")).stderr(log);
    let mut running = envoy.spawn().expect("it starts");

    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let (_, listener) = until("Envoy that serves", async || {
        let found = serving(&admin, &client).await;
        let has_ended = running.try_wait().expect("a process").is_some();
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(found.is_some() || !has_ended, "Envoy has ended:\n{}", log());
        found
    })
    .await;
    let url = format!("http://{listener}/anything");
    let refused = client.get(&url).send().await.expect("a response");
    assert_eq!(refused.status(), 401);
    let problem: Value = refused.json().await.expect("JSON");
    assert_eq!(problem["code"], "missing_token");
    let token = clerk.token("user_ada").claim("azp", AUTHORIZED_PARTY.into()).sign();
    let allowed = client.get(&url).bearer_auth(token).send().await.expect("a response");
    assert_eq!(allowed.headers()["x-ratelimit-limit"], "60", "the limit of the first plan");
    assert_eq!(allowed.status(), 200);
    let forged = client.post(format!("http://{listener}/webhooks/stripe")).body("{}").send().await;
    assert_eq!(forged.expect("a response").status(), 400, "the webhook filter refuses it");
}
