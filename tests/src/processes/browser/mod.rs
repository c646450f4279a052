//! A real browser: headless Chromium. Pages are read and used as people do, by the roles and names of their elements.

mod devtools;
mod page;

pub use page::WebPage;

use crate::install::debian;
use crate::waiting::WAIT_MAX;
use devtools::DevTools;
use serde_json::json;
use std::process::Stdio;
use std::sync::Arc;
use tempfile::TempDir;

/// The arguments of each start. The browser connects only to the page's own servers.
const ARGUMENTS: [&str; 12] = [
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
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// Chromium reads commands from the file descriptor 3, and writes to 4.
const START: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// A running browser. It ends when this and all its pages are dropped.
pub struct Browser {
    process: Arc<BrowserProcess>,
}

/// Chromium, and the connection to it.
struct BrowserProcess {
    devtools: DevTools,
    /// Killed when dropped.
    _chromium: tokio::process::Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts Chromium with an empty profile.
    ///
    /// # Panics
    /// If there is no Chromium, with the command to install it; if it cannot be started.
    pub async fn start() -> Browser {
        let profile =
            tempfile::tempdir().unwrap_or_else(|e| panic!("cannot create a temporary directory: {e}"));
        let mut chromium = tokio::process::Command::new("sh");
        chromium.args(["-c", START]).arg(debian::program("chromium", "chromium")).args(ARGUMENTS);
        chromium.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        chromium.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut started = chromium.spawn().unwrap_or_else(|e| panic!("cannot start {chromium:?}: {e}"));
        let pipes = started.stdin.take().zip(started.stdout.take());
        let (input, output) = pipes.unwrap_or_else(|| panic!("{chromium:?} has no pipes"));
        let devtools = DevTools::connect(input, output);
        let version =
            tokio::time::timeout(WAIT_MAX, devtools.send(None, "Browser.getVersion", json!({}))).await;
        assert!(matches!(version, Ok(Ok(_))), "`{chromium:?}` does not respond: {version:?}");
        Browser { process: Arc::new(BrowserProcess { devtools, _chromium: started, _profile: profile }) }
    }

    /// Opens a page in a new tab, with its own cookies and storage, and waits until it has loaded.
    ///
    /// # Panics
    /// If it does not load in time.
    pub async fn open(&self, url: &str) -> WebPage {
        WebPage::open(Arc::clone(&self.process), url).await
    }
}
