//! The README's set-up: its commands are run unchanged in an empty directory, with the lines marked CHANGE
//! changed, against the fakes of Stripe and Clerk.

use crate::pages::{Block, read};
use crate::responses;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::fakes::clerk::{FakeClerk, User};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::FakeStripe;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Session, Subscription};
use tollgate_tests::fakes::upstream::Backend;
use tollgate_tests::install::modules::Modules;
use tollgate_tests::install::{command, release, workspace};
use tollgate_tests::processes::envoy::{EXAMPLE_CLERK_WEBHOOK_SECRET, Standalone, program, serving};
use tollgate_tests::processes::gateway::{WEBHOOK_PATH, WEBHOOK_SECRET};
use tollgate_tests::waiting::until;

const HEADING: &str = "Run it";
/// The shipped listener's address in the README's commands.
const SERVICE: &str = "http://127.0.0.1:8080";

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_commands_set_up_a_working_gate() {
    let blocks: Vec<Block> = read("README.md").blocks;
    let blocks: Vec<_> = blocks.into_iter().filter(|b| b.heading == HEADING && b.language == "sh").collect();
    let [download, build, init, configure, _listen, start, refused, first_look, after_paying] = &blocks[..]
    else {
        panic!("{HEADING} has {} blocks of commands", blocks.len())
    };
    let (stripe, clerk, backend) =
        (FakeStripe::start().await, FakeClerk::start().await, Backend::start().await);
    clerk.put_user(User::new("user_ada"));

    assert!(download.text.contains(&release::archive_name("x86_64-unknown-linux-gnu")), "{}", download.text);

    let setup = SetupDir::new();
    setup.run(&build.text);
    require_in_archive(&setup.path("gateway"));
    // The archive has the command, too.
    fs::copy(command::built(), setup.path("gateway/tollgate")).expect("the command");
    setup.run(&init.text);
    for file in ["envoy.yaml", "README.md", "stripe_webhook.wasm", "plan_gate.wasm"] {
        assert!(setup.path("guarded").join(file).exists(), "{file}");
    }
    let output = setup.run(&configure.text);
    assert!(
        output.contains("secrets/clerk_secret_key.yaml"),
        "the lines to change are not printed: {output}"
    );
    setup.change_marked_lines(&clerk, &backend);
    setup.send_callouts_to(&[("stripe_api", stripe.addr()), ("clerk_api", clerk.addr())]);
    setup.write("gateway/clerk-public-key.pem", &KeyPair::first().pem());
    for (file, key) in [("stripe_api_key", stripe.key()), ("clerk_secret_key", clerk.secret_key())] {
        let file = format!("gateway/secrets/{file}.yaml");
        setup.edit(&file, |text| change(text, "sk_test_REPLACE_ME", key));
    }
    let clerk_secret = |secret: &str| format!("CLERK_WEBHOOK_SIGNING_SECRET={secret}");
    let commands =
        start.text.replace(&clerk_secret("whsec_REPLACE_ME"), &clerk_secret(EXAMPLE_CLERK_WEBHOOK_SECRET));
    let running = setup.start(&commands.replace("whsec_REPLACE_ME", WEBHOOK_SECRET)).await;

    let url = format!("http://{}", running.listener);
    let token = || clerk.token("user_ada").sign();
    assert_eq!(responses::run(refused, SERVICE, &url, ""), 2);
    assert_eq!(responses::run(first_look, SERVICE, &url, &token()), 1);

    stripe.put(Price::new("price_123"));
    stripe.put(Customer::new("cus_ada"));
    stripe.put(Subscription::new("sub_ada", "cus_ada").item("price_123"));
    stripe.put(Session::new("cs_ada", "cus_ada", "sub_ada").metadata("clerk_user_id", "user_ada"));
    let event = stripe.event("checkout.session.completed", "cs_ada");
    let (body, signature) = event.signed(&[WEBHOOK_SECRET], unix_now());
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(format!("{url}{WEBHOOK_PATH}")).header("stripe-signature", signature);
    let response: serde_json::Value =
        request.body(body).send().await.expect("a response").json().await.expect("JSON");
    assert_eq!((&response["status"], &response["plan"]), (&"processed".into(), &"pro".into()), "{response}");
    assert_eq!(responses::run(after_paying, SERVICE, &url, &token()), 1);
}

/// Checks that the archive of a release has each file that the commands for a checkout lay out.
fn require_in_archive(gateway: &Path) {
    let archive = tempfile::tempdir().expect("a directory");
    release::lay_out(archive.path(), &Modules::build().files().map(Path::to_path_buf));
    let folders = [gateway.to_owned(), gateway.join("secrets")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(paths.len(), 8, "four modules, their configuration, and two examples in a folder: {paths:?}");
    for path in paths {
        let name = path.strip_prefix(gateway).expect("a path below");
        assert!(archive.path().join(name).exists(), "the archive has no {}", name.display());
    }
}

/// The README's commands get the same responses from both.
#[test]
fn the_shipped_plans_have_the_limits_of_the_readme() {
    let limits = |document: serde_norway::Value| {
        let plans = document["plans"].as_sequence().expect("plans").clone();
        plans.into_iter().map(|plan| (plan["name"].clone(), plan["limits"].clone())).collect::<Vec<_>>()
    };
    let shipped = Standalone::load().document_of("plan_gate");
    assert_eq!(limits(shipped), limits(crate::yaml::readme_document()));
}

/// A directory with the parts of a checkout that the commands need.
struct SetupDir {
    dir: TempDir,
}

/// Envoy, started by the commands. Dropping it kills Envoy and the shell that started it.
struct Running {
    shell: Child,
    listener: SocketAddr,
}

impl SetupDir {
    fn new() -> SetupDir {
        let dir = tempfile::tempdir().expect("a directory");
        symlink(workspace::file("envoy"), dir.path().join("envoy")).expect("a link");
        symlink(workspace::target_dir(), dir.path().join("target")).expect("a link");
        let setup = SetupDir { dir };
        fs::create_dir(setup.path("bin")).expect("a directory");
        // The alias runs the binary that is already built. It starts Envoy by its own path.
        let modules = env!("CARGO_BIN_EXE_modules");
        let envoy = program().display();
        setup.program("cargo", &format!("[ \"$*\" = modules ] && ENVOY={envoy} exec {modules}"));
        // With hot restart, two Envoys on one machine would use the same shared memory.
        let admin = setup.path("admin");
        let flags = format!("--disable-hot-restart --admin-address-path {}", admin.display());
        setup.program("envoy", &format!("exec {envoy} {flags} \"$@\""));
        setup
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn program(&self, name: &str, script: &str) {
        let file = format!("bin/{name}");
        self.write(&file, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.path(&file), fs::Permissions::from_mode(0o755)).expect("an executable");
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap_or_else(|e| panic!("cannot write {file}: {e}"));
    }

    fn edit(&self, file: &str, edit: impl FnOnce(&mut String)) {
        let mut text = fs::read_to_string(self.path(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        edit(&mut text);
        self.write(file, &text);
    }

    /// Makes the changes that the comments of the shipped file ask for.
    fn change_marked_lines(&self, clerk: &FakeClerk, backend: &Backend) {
        self.edit("gateway/standalone.yaml", |text| {
            change(text, "address: 0.0.0.0, port_value: 8080", "address: 127.0.0.1, port_value: 0");
            change(text, "https://clerk.example.com", clerk.issuer());
            change(text, "port_value: 8000", &format!("port_value: {}", backend.address().port()));
        });
    }

    /// Makes the changes that only this test needs: the addresses of Stripe and Clerk, without TLS, and a
    /// free port for the admin interface.
    fn send_callouts_to(&self, clusters: &[(&str, SocketAddr)]) {
        self.edit("gateway/standalone.yaml", |text| {
            let mut config: serde_norway::Value = serde_norway::from_str(text).expect("YAML");
            config["admin"]["address"]["socket_address"]["port_value"] = 0.into();
            let all = config["static_resources"]["clusters"].as_sequence_mut().expect("clusters");
            for (name, to) in clusters {
                let cluster = all.iter_mut().find(|cluster| cluster["name"] == *name).expect("the cluster");
                cluster.as_mapping_mut().expect("fields").remove("transport_socket");
                let at = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
                at["address"]["socket_address"]["address"] = to.ip().to_string().into();
                at["address"]["socket_address"]["port_value"] = to.port().into();
            }
            *text = serde_json::to_string_pretty(&config).expect("JSON");
        });
    }

    fn shell(&self, directory: &Path, commands: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", commands]).current_dir(directory).stdin(Stdio::null());
        bash.env("PATH", format!("{}:{path}", self.path("bin").display()));
        bash
    }

    /// Runs commands until they end, and returns their standard output.
    fn run(&self, commands: &str) -> String {
        let out = self.shell(self.dir.path(), commands).output().expect("bash");
        let output = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{output}{}", String::from_utf8_lossy(&out.stderr));
        output
    }

    /// Starts commands whose last one keeps running, in the directory that the earlier commands changed to.
    async fn start(&self, commands: &str) -> Running {
        let log = self.path("log");
        let file = || File::options().create(true).append(true).open(&log).expect("a log");
        let mut bash = self.shell(&self.path("gateway"), commands);
        let shell = bash.process_group(0).stdout(file()).stderr(file()).spawn().expect("bash");
        let mut running = Running { shell, listener: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let (_, listener) = until("Envoy that serves", async || {
            let found = serving(&self.path("admin"), &client).await;
            let has_ended = running.shell.try_wait().expect("a shell").is_some();
            let output = || fs::read_to_string(&log).unwrap_or_default();
            assert!(found.is_some() || !has_ended, "Envoy has ended:\n{}", output());
            found
        })
        .await;
        running.listener = listener;
        running
    }
}

/// Changes a line that is marked CHANGE.
fn change(text: &mut String, from: &str, to: &str) {
    let marked =
        text.lines().find(|line| line.contains(from)).unwrap_or_else(|| panic!("no line has {from}"));
    assert!(marked.contains("CHANGE"), "this line is not marked CHANGE: {marked}");
    *text = text.replacen(from, to, 1);
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = format!("-{}", self.shell.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).status();
        let _ = self.shell.wait();
    }
}
