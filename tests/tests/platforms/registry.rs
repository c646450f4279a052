//! A real registry of images on this machine, and the modules in it.

use crate::image::Images;
use std::net::SocketAddr;
use std::process::Command;
use tempfile::TempDir;
use tollgate_tests::processes::process::Process;
use tollgate_tests::{install::debian, processes::ports};

/// CNCF's distribution, as Debian carries it. It ends when dropped.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    _process: Process,
    _dir: TempDir,
}

impl Registry {
    /// Starts one and waits until it answers.
    pub async fn start() -> Registry {
        let dir = tempfile::tempdir().expect("a directory");
        let [address] = ports::free();
        let config = serde_json::json!({
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": true}},
            "storage": {"filesystem": {"rootdirectory": dir.path().join("images")}},
            "http": {"addr": address.to_string()},
        });
        let file = dir.path().join("registry.json");
        std::fs::write(&file, config.to_string()).expect("a file");
        let mut command = Command::new(debian::program("docker-registry", "docker-registry"));
        command.arg("serve").arg(file);
        let mut process = Process::spawn("docker-registry", command);
        let url = format!("http://{address}/v2/");
        process.ready(async |_| reqwest::get(&url).await.ok()?.status().is_success().then_some(())).await;
        Registry { address, _process: process, _dir: dir }
    }

    /// Starts a registry, and pushes all modules as the page describes.
    pub async fn with(images: &Images) -> Registry {
        let registry = Registry::start().await;
        images.push(&registry.host());
        registry
    }

    /// Returns the registry's part of an image name. Clients that fetch images need no TLS for `localhost`.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }
}
