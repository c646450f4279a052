//! The real envoyproxy/ratelimit with a real Redis, run as the files in `envoy/ratelimit/` describe.

mod redis;

pub use redis::Redis;

use crate::install::go::GoProgram;
use crate::processes::envoy::Standalone;
use crate::processes::process::Process;
use crate::{install::workspace, processes::ports};
use serde_norway::Value;
use std::net::SocketAddr;
use std::process::Command;

/// The service. Its last tag, v1.4.0, is from 2020: this is its main branch of 2026-01-22.
const PROGRAM: GoProgram = GoProgram {
    name: "ratelimit",
    package: "github.com/envoyproxy/ratelimit/src/service_cmd",
    version: "v1.4.1-0.20260122083618-3fb702589d36",
    go: "1.25.6",
    takes: "half a minute to two",
};

/// A running service, and the Redis in which it counts. Both end when dropped.
#[derive(Debug)]
pub struct Ratelimit {
    /// The Redis in which it counts.
    pub redis: Redis,
    process: Option<Process>,
    grpc: SocketAddr,
    http: SocketAddr,
    debug: SocketAddr,
}

impl Ratelimit {
    /// Starts both on free ports and waits until the service responds. Installs what is missing.
    ///
    /// # Panics
    /// If something cannot be installed, with what to do; if it does not start, with its output.
    pub async fn start() -> Ratelimit {
        let redis = Redis::start().await;
        let [grpc, http, debug] = ports::free();
        let mut ratelimit = Ratelimit { redis, process: None, grpc, http, debug };
        ratelimit.resume().await;
        ratelimit
    }

    /// Kills the service at once (SIGKILL), as a crash would. Redis keeps running.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the service that was killed, at the same addresses.
    ///
    /// # Panics
    /// If it does not start, with its output.
    pub async fn resume(&mut self) {
        let mut command = Command::new(PROGRAM.obtain());
        command.current_dir(workspace::root()).env_clear().envs(shipped_environment());
        for (host, port, address) in [
            ("GRPC_HOST", "GRPC_PORT", self.grpc),
            ("HOST", "PORT", self.http),
            ("DEBUG_HOST", "DEBUG_PORT", self.debug),
        ] {
            command.env(host, address.ip().to_string()).env(port, address.port().to_string());
        }
        command.env("REDIS_URL", self.redis.address().to_string());
        let mut process = Process::spawn("ratelimit", command);
        let health = format!("http://{}/healthcheck", self.http);
        let healthy = async |_: &str| reqwest::get(&health).await.ok()?.status().is_success().then_some(());
        process.ready(healthy).await;
        self.process = Some(process);
    }

    /// Returns the process ID, if it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Returns the address of its gRPC listener.
    pub fn address(&self) -> SocketAddr {
        self.grpc
    }
}

/// Returns the variables of `envoy/ratelimit/ratelimit.env`, as a shell reads them.
fn shipped_environment() -> Vec<(String, String)> {
    let text = workspace::text("envoy/ratelimit/ratelimit.env");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let variable = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line} is not a variable"));
        (name.to_owned(), value.to_owned())
    };
    lines.map(variable).collect()
}

/// Adds the shipped cluster and makes the gate count in it. `edit` changes the section `store.ratelimit`.
///
/// # Panics
/// If the shipped file does not exist.
pub fn counting_at(address: SocketAddr, standalone: Standalone, edit: impl FnOnce(&mut Value)) -> Standalone {
    reaching(address, standalone).document(|document| {
        let store = &mut document["plan_gate"]["store"];
        *store = serde_norway::from_str("ratelimit: {cluster: ratelimit}").expect("YAML");
        edit(&mut store["ratelimit"]);
    })
}

/// Adds the shipped cluster, called `ratelimit`, without using it.
///
/// # Panics
/// If the shipped file does not exist.
pub fn reaching(address: SocketAddr, standalone: Standalone) -> Standalone {
    const FILE: &str = "envoy/ratelimit/cluster.yaml";
    let cluster = serde_norway::from_str(&workspace::text(FILE));
    let mut cluster: Value = cluster.unwrap_or_else(|e| panic!("{FILE}: {e}"));
    let socket = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"];
    socket["socket_address"]["address"] = address.ip().to_string().into();
    socket["socket_address"]["port_value"] = address.port().into();
    standalone.edit(|config| {
        let clusters = config["static_resources"]["clusters"].as_sequence_mut();
        clusters.expect("a list of clusters").push(cluster);
    })
}
