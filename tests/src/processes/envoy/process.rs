//! One Envoy process: started, polled until it serves, read through its admin interface, and killed on drop.

use super::launch::Launch;
use super::stats::Stats;
use crate::client::unpooled;
use crate::install::workspace::print_error_line;
use crate::waiting::{POLL_INTERVAL, WAIT_MAX, until};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The timeout of a request to the admin interface, which does not respond while Envoy compiles a module.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(60);

/// A running Envoy. Dropping it kills it; if the test is failing, the end of its log is shown.
#[derive(Debug)]
pub struct Envoy {
    process: EnvoyProcess,
    admin: SocketAddr,
    listener: SocketAddr,
    client: reqwest::Client,
}

impl Envoy {
    pub(super) async fn start(launch: Arc<Launch>) -> Envoy {
        let client = admin_client();
        let mut process = EnvoyProcess::spawn(launch);
        match process.outcome(&client).await {
            StartOutcome::Serving { admin, listener } => Envoy { process, admin, listener, client },
            StartOutcome::Ended(status) => panic!("Envoy ended with {status} instead of serving"),
        }
    }

    pub(super) async fn start_rejected(launch: Arc<Launch>) -> String {
        let mut process = EnvoyProcess::spawn(launch);
        match process.outcome(&admin_client()).await {
            StartOutcome::Ended(_) => process.launch.log(),
            StartOutcome::Serving { .. } => panic!("Envoy serves a configuration that it should reject"),
        }
    }

    pub(super) async fn validate(launch: Arc<Launch>) -> Validation {
        let mut command = tokio::process::Command::from(launch.command("validate"));
        let output = tokio::time::timeout(WAIT_MAX, command.kill_on_drop(true).output()).await;
        let output = output.unwrap_or_else(|_| panic!("`{command:?}` has not ended after {WAIT_MAX:?}"));
        let output = output.unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        Validation {
            accepted: output.status.success(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Returns the process ID.
    pub fn process_id(&self) -> u32 {
        self.process.child.id()
    }

    /// Returns the address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.listener
    }

    /// Returns the URL of a path on the listener.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listener)
    }

    /// Returns the address of the admin interface.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Returns the URL of a path of the admin interface.
    pub fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    /// Returns everything that Envoy and the plugin have logged so far.
    pub fn log(&self) -> String {
        self.process.launch.log()
    }

    /// Returns the access log so far, one JSON object a line. Envoy writes it with up to ten seconds of
    /// delay.
    pub fn access_log(&self) -> String {
        self.process.launch.access_log()
    }

    /// Returns the file of [`Envoy::log`].
    pub fn log_file(&self) -> PathBuf {
        self.process.launch.log_file()
    }

    /// Returns the file of [`Envoy::access_log`].
    pub fn access_log_file(&self) -> PathBuf {
        self.process.launch.access_log_file()
    }

    /// Reads all counters and gauges.
    ///
    /// # Panics
    /// If Envoy does not respond.
    pub async fn stats(&self) -> Stats {
        self.stats_if_running().await.unwrap_or_else(|| panic!("Envoy's admin interface returns no stats"))
    }

    /// Reads all counters and gauges; `None` if Envoy does not respond, because it is ending.
    pub async fn stats_if_running(&self) -> Option<Stats> {
        let body = get(&self.client, self.admin_url("/stats?format=json")).await?;
        Some(Stats::parse(&body).unwrap_or_else(|e| panic!("the harness cannot read Envoy's stats: {e}")))
    }

    /// Waits until the stats meet a condition, and returns them. `what` describes the condition.
    pub async fn stats_until(&self, what: &str, wanted: impl Fn(&Stats) -> bool) -> Stats {
        until(what, async || Some(self.stats().await).filter(&wanted)).await
    }

    /// Waits until a line of the log contains `text`, and returns the first such line.
    pub async fn log_line_with(&self, text: &str) -> String {
        until(format!("log line with {text:?}"), async || {
            self.log().lines().find(|line| line.contains(text)).map(str::to_owned)
        })
        .await
    }

    /// Waits until a line of the access log contains `text`, and returns the access log.
    pub async fn access_log_with(&self, text: &str) -> String {
        until(format!("line with {text:?} in the access log"), async || {
            Some(self.access_log()).filter(|log| log.contains(text))
        })
        .await
    }

    /// Replaces the API key in a secret file by a rename while Envoy runs, as an operator does. Envoy reads
    /// it a moment later, which `sds.<name>.update_success` in the stats shows.
    pub fn rotate_secret(&self, name: &str, value: &str) {
        self.process.launch.write_secret(name, value);
    }

    /// Replaces the listener of a [`Standalone::reloadable`](super::Standalone::reloadable) configuration.
    /// Envoy applies it a moment later, or rejects it and keeps the previous one.
    pub fn reload(&self, edit: impl FnOnce(&mut Value)) {
        let mut listener = self.process.launch.listener();
        edit(&mut listener);
        self.process.launch.write_listener(&listener);
    }

    /// Kills Envoy at once (SIGKILL), as a crash or the loss of its machine would.
    pub fn crash(&mut self) {
        self.process.end();
    }

    /// Starts it again, after [`Envoy::crash`] or while it runs, from the same files and on new ports.
    /// Everything that it had in memory is lost.
    pub async fn restart(&mut self) {
        self.crash();
        *self = Envoy::start(Arc::clone(&self.process.launch)).await;
    }
}

/// The result of `envoy --mode validate` for a configuration.
#[derive(Debug)]
pub struct Validation {
    /// Whether Envoy would start with it.
    pub accepted: bool,
    /// The log of Envoy and the plugin.
    pub log: String,
}

/// The outcome of a start.
enum StartOutcome {
    Serving { admin: SocketAddr, listener: SocketAddr },
    Ended(ExitStatus),
}

#[derive(Debug)]
struct EnvoyProcess {
    launch: Arc<Launch>,
    child: Child,
}

impl EnvoyProcess {
    fn spawn(launch: Arc<Launch>) -> EnvoyProcess {
        let child = launch.spawn();
        EnvoyProcess { launch, child }
    }

    async fn outcome(&mut self, client: &reqwest::Client) -> StartOutcome {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return StartOutcome::Ended(status),
                Ok(None) => {}
                Err(e) => panic!("cannot wait for Envoy: {e}"),
            }
            if let Some((admin, listener)) = serving(&self.launch.admin_file(), client).await {
                return StartOutcome::Serving { admin, listener };
            }
            assert!(Instant::now() < deadline, "Envoy neither serves nor ends after {WAIT_MAX:?}");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Kills it and waits until it has ended. Does nothing if it has ended already.
    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for EnvoyProcess {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            print_error_line(&self.launch.log_tail());
        }
    }
}

/// Returns the addresses of the admin interface and of the listener of an Envoy that writes the former into
/// `admin_file` (`--admin-address-path`), once Envoy is ready.
pub async fn serving(admin_file: &Path, client: &reqwest::Client) -> Option<(SocketAddr, SocketAddr)> {
    let admin: SocketAddr = std::fs::read_to_string(admin_file).ok()?.trim().parse().ok()?;
    get(client, format!("http://{admin}/ready")).await?;
    let listeners = get(client, format!("http://{admin}/listeners?format=json")).await?;
    let listeners: Value = serde_json::from_slice(&listeners).ok()?;
    let socket = listeners.pointer("/listener_statuses/0/local_address/socket_address")?;
    let port = u16::try_from(socket.get("port_value")?.as_u64()?).ok()?;
    Some((admin, SocketAddr::new(socket.get("address")?.as_str()?.parse().ok()?, port)))
}

fn admin_client() -> reqwest::Client {
    let client = unpooled().timeout(ADMIN_TIMEOUT).build();
    client.unwrap_or_else(|e| panic!("cannot make an HTTP client: {e}"))
}

/// Returns the body of a 200 response, or `None` for anything else.
async fn get(client: &reqwest::Client, url: String) -> Option<Vec<u8>> {
    let response = client.get(url).send().await.ok()?.error_for_status().ok()?;
    Some(response.bytes().await.ok()?.to_vec())
}
