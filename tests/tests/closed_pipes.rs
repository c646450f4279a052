//! Every command of this repository does its work and ends with its exit code, without a panic, also if
//! nobody reads what it prints (`tollgate check … | head -1`).

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::fakes::clerk::{FakeClerk, User};
use tollgate_tests::fakes::stripe::FakeStripe;
use tollgate_tests::install::command;
use tollgate_tests::install::workspace;

/// The exit code of a Rust program that panicked.
const PANICKED: i32 = 101;

/// Returns an end of a pipe whose reader is gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// Runs a command, and returns its exit code.
fn code(command: &mut Command, stdout: Stdio, stderr: Stdio) -> i32 {
    let status = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).status();
    let status = status.unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
    status.code().unwrap_or_else(|| panic!("{command:?} was ended by a signal: {status}"))
}

/// Runs a command whose output nobody reads.
fn require_no_panic(command: &mut Command) -> i32 {
    let got = code(command, closed(), closed());
    assert_ne!(got, PANICKED, "{command:?}");
    got
}

/// The servers and the files of the command's cases.
struct Setup {
    stripe: FakeStripe,
    clerk: FakeClerk,
    directory: tempfile::TempDir,
}

impl Setup {
    async fn start() -> Self {
        let setup = Setup {
            stripe: FakeStripe::start().await,
            clerk: FakeClerk::start().await,
            directory: tempfile::tempdir().expect("a directory"),
        };
        setup.clerk.put_user(User::new("user_1"));
        setup
    }

    /// Returns the arguments by which each subcommand prints its result.
    fn cases(&self) -> Vec<Vec<String>> {
        let config = workspace::file("envoy/standalone.yaml").display().to_string();
        let (stripe, clerk) =
            (format!("http://{}", self.stripe.addr()), format!("http://{}", self.clerk.addr()));
        let folder = self.directory.path().display().to_string();
        let token = self.clerk.token("user_1").sign();
        let apis = ["--stripe-url", &stripe, "--clerk-url", &clerk];
        let init = ["init", "--backend", "127.0.0.1:1", "--issuer", "https://clerk.shop.example"];
        let init = [&init[..], &["--authorized-party", "https://shop.example", "--plan", "free"]].concat();
        let event = ["--type", "customer.deleted", "--customer", "cus_1"];
        let cases = [
            vec!["check", &config],
            vec!["check", "--format", "json", &config],
            vec!["check", "/nowhere.yaml"],
            [&["doctor", &config, "--url", "https://gateway.example.com"][..], &apis].concat(),
            [&init[..], &[&folder]].concat(),
            vec!["schema"],
            vec!["secret", "stripe_api_key", "--directory", &folder],
            [&["sync", "--config", &config][..], &apis].concat(),
            [&["sync", "--json", "--config", &config][..], &apis].concat(),
            vec!["token", "--path", "/ask", "--config", &config, &token],
            [&["webhook", "send", &clerk][..], &event].concat(),
            [&["webhook", "send", "--print", &clerk][..], &event].concat(),
            vec!["--help"],
            vec!["--version"],
            vec!["check"],
        ];
        cases.into_iter().map(|case| case.into_iter().map(str::to_owned).collect()).collect()
    }

    fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(command::built());
        command.args(arguments).env("STRIPE_API_KEY", self.stripe.key());
        command.env("CLERK_SECRET_KEY", self.clerk.secret_key()).env("CLERK_JWT_KEY", KeyPair::first().pem());
        command.env("STRIPE_WEBHOOK_SECRET", "whsec_example");
        command.env("CLERK_WEBHOOK_SIGNING_SECRET", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        command
    }
}

/// Returns the names of the subcommands in the help.
fn subcommands() -> BTreeSet<String> {
    let out = Command::new(command::built()).arg("--help").output().expect("it starts");
    let help = String::from_utf8(out.stdout).expect("UTF-8");
    let (_, list) = help.split_once("Commands:\n").expect("a list");
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    let names =
        lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_subcommand_panics_if_nobody_reads_its_output() {
    let setup = Setup::start().await;
    let cases = setup.cases();
    let covered: BTreeSet<String> =
        cases.iter().map(|case| case[0].clone()).filter(|name| !name.starts_with('-')).collect();
    assert_eq!(covered, subcommands(), "each subcommand has a case");
    for case in &cases {
        let read = code(&mut setup.command(case), Stdio::null(), Stdio::null());
        if case[0] == "init" {
            // It refuses a folder that is not empty.
            std::fs::remove_dir_all(setup.directory.path()).expect("removed");
            std::fs::create_dir(setup.directory.path()).expect("a directory");
        }
        let unread = require_no_panic(&mut setup.command(case));
        assert_eq!(unread, read, "{case:?}: the exit code depends on a reader");
    }
    for name in subcommands() {
        require_no_panic(&mut setup.command(&[name, "--help".to_owned()]));
    }
}

#[test]
fn no_command_of_cargo_panics_if_nobody_reads_its_output() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().display().to_string();
    // Those that take minutes print only how they are called. How else they print, their lints decide.
    let cases = [
        ("compatibility", env!("CARGO_BIN_EXE_compatibility"), &["--envoy", "0.0.0"][..], 2),
        ("demo", env!("CARGO_BIN_EXE_demo"), &[], 0),
        ("hostile", env!("CARGO_BIN_EXE_hostile"), &["--hours", "1"], 2),
        ("modules", env!("CARGO_BIN_EXE_modules"), &["--out", &out, "--sizes"], 0),
        ("release_artifacts", env!("CARGO_BIN_EXE_release_artifacts"), &["--in", &out], 2),
    ];
    let covered: Vec<String> = cases.iter().map(|(name, ..)| format!("{name}.rs")).collect();
    assert_eq!(covered, file_names("tests/src/bin"), "each command has a case");
    for (name, program, arguments, want) in cases {
        assert_eq!(require_no_panic(Command::new(program).args(arguments)), want, "{name}");
    }
    let copied =
        ["billing.wasm", "clerk_webhook.wasm", "libtollgate.so", "plan_gate.wasm", "stripe_webhook.wasm"];
    let mut found: Vec<_> = std::fs::read_dir(directory.path())
        .expect("the directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    found.sort_unstable();
    assert_eq!(found, copied, "the modules are copied although nobody reads their names");
}

/// The macros of the standard library panic on a closed pipe, so the lints forbid them in each program.
#[test]
fn each_program_forbids_what_panics_on_a_closed_pipe() {
    let bins = file_names("tests/src/bin").into_iter().map(|name| format!("tests/src/bin/{name}"));
    let others = ["tests/src/lib.rs", "tests/benches/rivals/main.rs", "filter/ctl/src/main.rs"];
    for file in bins.chain(others.map(str::to_owned)) {
        let lints = "#![deny(clippy::print_stdout, clippy::print_stderr)]";
        assert!(workspace::text(&file).contains(lints), "{file} has no {lints}");
    }
}

/// Returns the names of the files in a folder.
fn file_names(folder: &str) -> Vec<String> {
    let listed = std::fs::read_dir(workspace::file(folder)).expect(folder);
    let names = listed.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}
