//! Stripe's own `stripe-mock`: it keeps no state, and refuses what its copy of Stripe's OpenAPI description does not have.

use crate::go::GoProgram;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long it may take to read its description of Stripe's API. Generous: machines that test are busy.
const START_MAX: Duration = Duration::from_secs(60);
/// Between two looks at what it has said.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// What stands before the address in the line that it prints once it listens.
const LISTENING: &str = "Listening for HTTP at address: ";

/// Of 2026-08-26, with the description of Stripe's API version 2026-08-26.dahlia: the newest there is.
const PROGRAM: GoProgram = GoProgram {
    name: "stripe-mock",
    package: "github.com/stripe/stripe-mock",
    version: "v0.203.0",
    go: "1.22.1",
    takes: "a minute or two",
};

/// A key that it takes: any that looks like one of test mode.
pub const KEY: &str = "sk_test_tollgate0001";

/// A running `stripe-mock`. Dropping it kills it; when the test is failing, what it said is shown.
#[derive(Debug)]
pub struct StripeMock {
    _process: Process,
    address: SocketAddr,
}

impl StripeMock {
    /// Starts one on a free port, and waits until it listens. Installs it below `target/` the first time.
    ///
    /// # Panics
    /// With what to do, when it cannot be installed; with what it said, when it does not start.
    pub async fn start() -> StripeMock {
        let mut process = Process::spawn(&PROGRAM.obtain());
        let address = process.listening().await;
        StripeMock { _process: process, address }
    }

    /// The URL of a path with its query.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

#[derive(Debug)]
struct Process {
    child: Child,
    log: PathBuf,
    _dir: TempDir,
}

impl Process {
    fn spawn(program: &Path) -> Process {
        let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("cannot make a directory: {e}"));
        // A file and no pipe: it says something of each request, and would wait for whoever does not read.
        let log = dir.path().join("log");
        let output = File::create(&log).unwrap_or_else(|e| panic!("cannot create {}: {e}", log.display()));
        let errors = output.try_clone().unwrap_or_else(|e| panic!("cannot open {}: {e}", log.display()));
        let mut command = Command::new(program);
        // Left alone it takes a port for HTTPS too, and that is a fixed one.
        command.args(["-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0"]).env_remove("PORT");
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let child = child.unwrap_or_else(|e| panic!("cannot start {}: {e}", program.display()));
        Process { child, log, _dir: dir }
    }

    async fn listening(&mut self) -> SocketAddr {
        let deadline = Instant::now() + START_MAX;
        loop {
            let log = self.log();
            // The line is there when its end is.
            let lines = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            if let Some(address) = lines.filter_map(|line| line.strip_prefix(LISTENING)).next() {
                return address.parse().unwrap_or_else(|e| panic!("stripe-mock listens at {address:?}: {e}"));
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("stripe-mock ended with {status} instead of listening");
            }
            assert!(Instant::now() < deadline, "stripe-mock does not listen after {START_MAX:?}");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- what stripe-mock said:\n{}\n---", self.log());
        }
    }
}
