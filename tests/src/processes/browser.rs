//! A real browser: opens a page in headless Chromium and returns what the page wrote into its document.

use crate::install::debian;
use std::time::Duration;

/// The maximum duration of a page load. It is long because a browser starts slowly on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// Chromium's virtual time for a page, in milliseconds. It stops while a response is awaited, so it does not
/// depend on the speed of the network.
const VIRTUAL_TIME_MS: u32 = 30_000;

/// The arguments of each start. The browser connects only to the page's own servers.
const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--dump-dom",
];

/// Opens a page and returns its document when its scripts have finished.
///
/// # Panics
/// If there is no Chromium, with the command to install it; if it fails or does not end in time, with its
/// output.
pub async fn document(url: &str) -> String {
    let profile = tempfile::tempdir().unwrap_or_else(|e| panic!("cannot create a temporary directory: {e}"));
    let mut chromium = tokio::process::Command::new(debian::program("chromium", "chromium"));
    chromium.args(ARGUMENTS).arg(format!("--virtual-time-budget={VIRTUAL_TIME_MS}"));
    chromium.arg(format!("--user-data-dir={}", profile.path().display())).arg(url);
    let output = tokio::time::timeout(DEADLINE, chromium.kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|_| panic!("`{chromium:?}` has not ended after {DEADLINE:?}"));
    let output = output.unwrap_or_else(|e| panic!("cannot start {chromium:?}: {e}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{chromium:?}` ended with {}\n{errors}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
