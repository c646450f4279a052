//! A real Prometheus: Debian's, with a shipped configuration.

use crate::install::{debian, workspace};
use crate::processes::ports;
use crate::processes::process::Process;
use crate::queries::RULES;
use crate::waiting::WAIT_MAX;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What `apt-get install` gets. The recommended packages observe the machine itself.
const PACKAGE: &str = "--no-install-recommends prometheus";
/// The time between two scrapes, which is also the maximum duration of one.
const SCRAPE_INTERVAL: &str = "3s";
/// The time between two looks for it.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Returns `promtool`, which checks and tests rules. Installs it if it is missing.
///
/// # Panics
/// If it cannot be installed, with what to do.
pub fn promtool() -> Command {
    Command::new(debian::program("promtool", PACKAGE))
}

/// A running Prometheus. It ends when dropped.
#[derive(Debug)]
pub struct Prometheus {
    url: String,
    client: reqwest::Client,
    _process: Process,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts one with a shipped configuration, given by its path from the repository's root, and waits until it
    /// responds. It scrapes `target` in place of the pods that it would find in a cluster.
    ///
    /// # Panics
    /// If it cannot be installed, or does not start, with its output.
    pub async fn start(file: &str, target: SocketAddr) -> Prometheus {
        let dir = tempfile::tempdir().expect("a directory");
        let config = dir.path().join("prometheus.json");
        fs::write(&config, scraping(file, target).to_string()).expect("a file");
        let [address] = ports::free();
        let mut command = Command::new(debian::program("prometheus", PACKAGE));
        command.arg("--config.file").arg(&config);
        command.arg("--storage.tsdb.path").arg(dir.path().join("data"));
        command.arg(format!("--web.listen-address={address}"));
        let mut process = Process::spawn("Prometheus", command);
        let url = format!("http://{address}");
        let ready = format!("{url}/-/ready");
        process.ready(async |_| reqwest::get(&ready).await.ok()?.status().is_success().then_some(())).await;
        Prometheus { url, client: reqwest::Client::new(), _process: process, _dir: dir }
    }

    /// Waits until there is a series for each selector, and returns the selectors for which there is none.
    pub async fn without_series(&self, selectors: Vec<String>) -> Vec<String> {
        let deadline = Instant::now() + WAIT_MAX;
        let mut missing = selectors;
        loop {
            let mut still_missing = Vec::new();
            for selector in missing {
                if self.series(&selector).await.is_empty() {
                    still_missing.push(selector);
                }
            }
            if still_missing.is_empty() || Instant::now() > deadline {
                return still_missing;
            }
            missing = still_missing;
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Returns the names of all metrics.
    pub async fn metrics(&self) -> Vec<String> {
        let names = self.query("label/__name__/values").await;
        names.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Returns the labels of the series that a selector matches.
    async fn series(&self, selector: &str) -> Vec<Value> {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("match[]", selector).finish();
        self.query(&format!("series?{query}")).await
    }

    /// Returns the list that a path of the API has.
    async fn query(&self, path: &str) -> Vec<Value> {
        let response = self.client.get(format!("{}/api/v1/{path}", self.url)).send().await;
        let response = response.expect("a response").text().await.expect("text");
        let response: Value = serde_json::from_str(&response).unwrap_or_else(|e| panic!("{response}: {e}"));
        assert_eq!(response["status"], "success", "{path}: {response}");
        response["data"].as_array().expect("a list").clone()
    }
}

/// Returns a shipped configuration with one target.
fn scraping(file: &str, target: SocketAddr) -> Value {
    let mut config: Value =
        serde_norway::from_str(&workspace::text(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    assert_eq!(config["rule_files"], json!(["tollgate.rules.yaml"]));
    config["rule_files"] = json!([workspace::file(RULES)]);
    config["global"] = json!({"scrape_interval": SCRAPE_INTERVAL});
    for job in config["scrape_configs"].as_array_mut().expect("jobs") {
        let job = job.as_object_mut().expect("a job");
        job.remove("kubernetes_sd_configs").expect("pods");
        job.remove("relabel_configs");
        job.insert("static_configs".to_owned(), json!([{"targets": [target.to_string()]}]));
    }
    config
}
