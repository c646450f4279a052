//! Stripe's `stripe-mock`, which keeps no state and refuses requests that its OpenAPI description does not
//! have.

use crate::install::go::GoProgram;
use crate::processes::process::Process;
use std::net::SocketAddr;
use std::process::Command;

/// The text before the address in the line that it prints when it listens.
const LISTENING: &str = "Listening for HTTP at address: ";

/// The version of 2026-08-26, with the description of Stripe's API version 2026-08-26.dahlia: the newest.
const PROGRAM: GoProgram = GoProgram {
    name: "stripe-mock",
    package: "github.com/stripe/stripe-mock",
    version: "v0.203.0",
    go: "1.22.1",
    takes: "a minute or two",
};

/// A key that it accepts: any key of test mode.
pub const KEY: &str = "sk_test_tollgate0001";

/// A running `stripe-mock`. Dropping it kills it; if the test is failing, its output is shown.
#[derive(Debug)]
pub struct StripeMock {
    _process: Process,
    address: SocketAddr,
}

impl StripeMock {
    /// Starts one on a free port and waits until it listens. Installs it below `target/` the first time.
    ///
    /// # Panics
    /// If it cannot be installed, with what to do; if it does not start, with its output.
    pub async fn start() -> StripeMock {
        let mut command = Command::new(PROGRAM.obtain());
        // Without these options it also listens for HTTPS, at a fixed port.
        command.args(["-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0"]).env_remove("PORT");
        let mut process = Process::spawn("stripe-mock", command);
        let address = process.ready(async |log| address(log)).await;
        StripeMock { _process: process, address }
    }

    /// Returns the URL of a path with its query.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Returns the address at which it listens, once it has printed it.
fn address(log: &str) -> Option<SocketAddr> {
    // A line is complete when its end has been written.
    let mut lines = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let address = lines.find_map(|line| line.strip_prefix(LISTENING))?;
    Some(address.parse().unwrap_or_else(|e| panic!("stripe-mock listens at {address:?}: {e}")))
}
