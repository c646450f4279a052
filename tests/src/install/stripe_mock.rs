//! Stripe's own `stripe-mock`: it keeps no state, and refuses what its copy of Stripe's OpenAPI description does not have.

use crate::install::go::GoProgram;
use crate::processes::process::Process;
use std::net::SocketAddr;
use std::process::Command;

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
        let mut command = Command::new(PROGRAM.obtain());
        // Left alone it takes a port for HTTPS too, and that is a fixed one.
        command.args(["-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0"]).env_remove("PORT");
        let mut process = Process::spawn("stripe-mock", command);
        let address = process.ready(async |log| address(log)).await;
        StripeMock { _process: process, address }
    }

    /// The URL of a path with its query.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Where it listens, once it has said so.
fn address(log: &str) -> Option<SocketAddr> {
    // The line is there when its end is.
    let mut lines = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let address = lines.find_map(|line| line.strip_prefix(LISTENING))?;
    Some(address.parse().unwrap_or_else(|e| panic!("stripe-mock listens at {address:?}: {e}")))
}
