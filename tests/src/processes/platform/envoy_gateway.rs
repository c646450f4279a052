//! The real Envoy Gateway without Kubernetes: it reads the shipped resources from a file and runs Envoy on
//! this machine.

use super::credentials::environment;
use super::{Resources, Site};
use crate::install::go::GoProgram;
use crate::processes::envoy::yaml;
use crate::processes::process::Process;
use crate::{install::workspace, processes::envoy, processes::ports};
use serde_json::json;
use serde_norway::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const PROGRAM: GoProgram = GoProgram {
    name: "envoy-gateway",
    package: "github.com/envoyproxy/gateway/cmd/envoy-gateway",
    version: "v1.9.1",
    go: "1.26",
    takes: "three to five minutes",
};

/// The version under which Envoy Gateway looks for the Envoy that the tests run.
const ENVOY_VERSION: &str = "1.40.0";

/// Envoy Gateway and the Envoy that it runs. Both end when dropped.
///
/// It listens for its Envoy at fixed ports (18000 to 18002), so only one can run at a time on a machine.
#[derive(Debug)]
pub struct EnvoyGateway {
    process: Process,
    address: SocketAddr,
    dir: TempDir,
}

impl EnvoyGateway {
    /// Starts it on the shipped resources and waits until a request reaches the service. `edit` must at least
    /// set the images of the modules.
    ///
    /// # Panics
    /// If it does not start, with its output.
    pub async fn start(site: &Site, edit: impl FnOnce(&mut Resources)) -> EnvoyGateway {
        let dir = tempfile::tempdir().expect("a directory");
        let [address, admin] = ports::free();
        let mut resources = wired(site, dir.path(), address.port());
        edit(&mut resources);
        fs::create_dir(dir.path().join("resources")).expect("a directory");
        write(&dir.path().join("resources/tollgate.yaml"), &resources.text());
        write(&dir.path().join("envoy-gateway.json"), &configuration(dir.path(), admin).to_string());
        provide_envoy(dir.path());
        run_to_its_end(
            command(dir.path(), site).args(["certgen", "--local", "--config-home"]).arg(dir.path()),
        );
        let mut serve = command(dir.path(), site);
        serve.args(["server", "--config-path"]).arg(dir.path().join("envoy-gateway.json"));
        let mut process = Process::spawn("Envoy Gateway", serve);
        let url = format!("http://{address}/ready");
        process.ready(async |_| reqwest::get(&url).await.ok()?.status().is_success().then_some(())).await;
        site.backend.clear_received().await;
        EnvoyGateway { process, address, dir }
    }

    /// Returns the address for clients.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of Envoy's admin interface, which serves the metrics. In a cluster, port 19001 of the
    /// proxies serves them.
    ///
    /// # Panics
    /// If Envoy Gateway has not written it.
    pub fn admin_address(&self) -> SocketAddr {
        let file = find(self.dir.path(), "admin-address.txt").expect("the address of the admin interface");
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        text.trim().parse().unwrap_or_else(|e| panic!("{}: {text}: {e}", file.display()))
    }

    /// Returns everything that Envoy Gateway and Envoy have logged.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// Returns the shipped resources, with the addresses and certificates of this machine instead of a cluster's.
fn wired(site: &Site, dir: &Path, port: u16) -> Resources {
    let mut resources = Resources::load("envoy/envoy-gateway/tollgate.yaml");
    let host = json!({"type": "Host", "host": {"envoyVersion": ENVOY_VERSION}});
    resources.get("EnvoyProxy", "tollgate")["spec"]["provider"] = yaml(host);
    resources.get("Gateway", "tollgate")["spec"]["listeners"][0]["port"] = port.into();
    let patches = &mut resources.get("EnvoyPatchPolicy", "tollgate")["spec"]["jsonPatches"];
    let patches = patches.as_sequence_mut().expect("patches");
    for patch in patches.iter_mut() {
        assert_eq!(patch["name"], "tcp-80");
        patch["name"] = format!("tcp-{port}").into();
    }
    patches.extend(modules_from_this_machine(dir));
    for (api, address) in [("stripe-api", site.stripe_api.address()), ("clerk-api", site.clerk_api.address())]
    {
        resources.get("Backend", api)["spec"]["endpoints"] = endpoints(address);
        let validation = &mut resources.get("BackendTLSPolicy", api)["spec"]["validation"];
        let fields = validation.as_mapping_mut().expect("a mapping");
        fields.remove("wellKnownCACertificates").expect("the system's authorities");
        validation["caCertificateRefs"] =
            yaml(json!([{"group": "", "kind": "ConfigMap", "name": "authority"}]));
    }
    let authority = fs::read_to_string(site.authority()).expect("a certificate");
    let metadata = |name: &str| json!({"name": name, "namespace": "tollgate"});
    let authority = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("authority"),
        "data": {"ca.crt": authority}});
    resources.push(yaml(authority));
    let service = json!([{"group": "gateway.envoyproxy.io", "kind": "Backend", "name": "app"}]);
    resources.get("HTTPRoute", "app")["spec"]["rules"][0]["backendRefs"] = yaml(service);
    let mut backend = yaml(json!({"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "Backend",
        "metadata": metadata("app"), "spec": {}}));
    backend["spec"]["endpoints"] = endpoints(site.backend.address());
    resources.push(backend);
    let plugins = resources.get("EnvoyExtensionPolicy", "tollgate")["spec"]["wasm"].as_sequence_mut();
    for plugin in plugins.expect("plugins") {
        plugin["config"]["plan_gate"]["issuer"] = site.clerk.issuer().into();
    }
    resources
}

/// Returns patches for the cluster from which Envoy fetches the modules: Envoy Gateway itself, at this
/// machine's paths.
fn modules_from_this_machine(dir: &Path) -> [Value; 2] {
    let certificates = dir.join("certs/envoy");
    let tls = json!({
        "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"},
        "tls_certificates": [{
            "certificate_chain": {"filename": certificates.join("tls.crt")},
            "private_key": {"filename": certificates.join("tls.key")},
        }],
        "validation_context": {"trusted_ca": {"filename": certificates.join("ca.crt")}},
    });
    let host = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/address";
    [(host, json!("127.0.0.1")), ("/transport_socket/typed_config/common_tls_context", tls)].map(
        |(path, value)| {
            yaml(json!({
                "type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
                "name": "wasm_cluster",
                "operation": {"op": "replace", "path": path, "value": value},
            }))
        },
    )
}

fn endpoints(address: SocketAddr) -> Value {
    yaml(json!([{"ip": {"address": address.ip().to_string(), "port": address.port()}}]))
}

/// Returns the shipped settings, as in the values of the chart, with the paths and addresses of this machine.
fn configuration(dir: &Path, admin: SocketAddr) -> serde_json::Value {
    const FILE: &str = "envoy/envoy-gateway/values.yaml";
    let values: serde_json::Value =
        serde_norway::from_str(&workspace::text(FILE)).unwrap_or_else(|e| panic!("{FILE}: {e}"));
    let mut configuration = values["config"]["envoyGateway"].clone();
    let added = json!({
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
        "provider": {"type": "Custom", "custom": {
            "resource": {"type": "File", "file": {"paths": [dir.join("resources")]}},
            "infrastructure": {"type": "Host", "host": {
                "configHome": dir, "dataHome": dir, "stateHome": dir, "runtimeDir": dir}},
        }},
        "admin": {"address": {"host": admin.ip().to_string(), "port": admin.port()}},
        "telemetry": {"metrics": {"prometheus": {"disable": true}}},
        "logging": {"level": {"default": "info"}},
    });
    for (name, value) in added.as_object().expect("an object") {
        configuration[name] = value.clone();
    }
    configuration
}

/// Puts the tests' Envoy where Envoy Gateway would download one.
fn provide_envoy(dir: &Path) {
    let directory = dir.join("versions").join(ENVOY_VERSION).join("bin");
    fs::create_dir_all(&directory).expect("a directory");
    std::os::unix::fs::symlink(envoy::program(), directory.join("envoy")).expect("a link");
}

fn command(dir: &Path, site: &Site) -> Command {
    let mut command = Command::new(PROGRAM.obtain());
    let variables = [
        "STRIPE_WEBHOOK_SECRET",
        "CLERK_WEBHOOK_SIGNING_SECRET",
        "STRIPE_API_KEY",
        "CLERK_SECRET_KEY",
        "CLERK_JWT_KEY",
    ];
    command.env_clear().envs(environment(site, &variables)).env("HOME", dir);
    command
}

fn run_to_its_end(command: &mut Command) {
    let out = command.output().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    assert!(out.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&out.stderr));
}

/// Returns the file of that name below a directory.
fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<PathBuf> = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).collect();
    let here = entries.iter().find(|path| path.is_file() && path.ends_with(name)).cloned();
    here.or_else(|| entries.iter().filter(|path| !path.is_symlink()).find_map(|path| find(path, name)))
}

fn write(file: &Path, text: &str) {
    fs::write(file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
}
