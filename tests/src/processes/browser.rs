//! A real browser: opens a page in headless Chromium and reads what the page wrote into itself.

use crate::install::debian;
use std::time::Duration;

/// How long a page may take. Generous: a browser starts slowly on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// How much time a page believes to have, in milliseconds. It stands still while an answer is awaited, so this is no
/// guess at how long the network takes.
const VIRTUAL_TIME_MS: u32 = 30_000;

/// What each start is given: nothing that talks to anyone but the page's own servers.
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

/// Opens a page and returns its document as it stands once its scripts have nothing more to do.
///
/// # Panics
/// When there is no Chromium, with the command to get it; or when it fails or does not end in time, with what it said.
pub async fn document(url: &str) -> String {
    let profile = tempfile::tempdir().unwrap_or_else(|e| panic!("cannot create a temporary directory: {e}"));
    let mut chromium = tokio::process::Command::new(debian::program("chromium", "chromium"));
    chromium.args(ARGUMENTS).arg(format!("--virtual-time-budget={VIRTUAL_TIME_MS}"));
    chromium.arg(format!("--user-data-dir={}", profile.path().display())).arg(url);
    let output = tokio::time::timeout(DEADLINE, chromium.kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|_| panic!("`{chromium:?}` has not ended after {DEADLINE:?}"));
    let output = output.unwrap_or_else(|e| panic!("cannot start {chromium:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{chromium:?}` ended with {}\n{said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
