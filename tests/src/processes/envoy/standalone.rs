//! `envoy/standalone.yaml`, or with [`NATIVE`] `envoy/standalone-native.yaml`, with the few edits that a test
//! needs and no others.

use super::files::Files;
use super::process::{Envoy, Validation};
use crate::install::modules::Modules;
use crate::install::workspace;
use crate::processes::ports;
use serde_json::json;
use serde_norway::Value;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The public key in `CLERK_JWT_KEY` unless a test sets its own. Its private key was not kept.
pub const EXAMPLE_CLERK_JWT_KEY: &str = include_str!("../../../fixtures/clerk_jwt_key.pem");

/// The names of our filters, in their order in the chain.
pub const FILTERS: [&str; 4] = ["stripe_webhook", "clerk_webhook", "billing", "plan_gate"];

/// A signing secret of Clerk, unless a test sets its own: it is the example of Standard Webhooks.
pub const EXAMPLE_CLERK_WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The environment variable that makes the tests use the dynamic module in place of the Wasm modules: set to
/// any value.
pub const NATIVE: &str = "TOLLGATE_NATIVE";

/// Returns whether [`NATIVE`] selects the dynamic module.
pub fn is_native_selected() -> bool {
    std::env::var_os(NATIVE).is_some()
}

/// Converts a value for a configuration or document, which are YAML.
pub fn yaml(json: serde_json::Value) -> Value {
    serde_norway::to_value(json).unwrap_or_else(|e| unreachable!("JSON is YAML: {e}"))
}

/// The shipped configuration before Envoy is started with it.
///
/// As loaded, it differs from the file only in this: the admin interface and the listener are on free ports
/// of the loopback; the three clusters lead to an address at which nothing listens (in plain text, so that no
/// test ever reaches the real services); the secret files are the shipped examples; and the required
/// variables have example values.
#[derive(Debug, Clone)]
pub struct Standalone {
    files: Files,
    /// The file as it ships.
    shipped: Value,
}

impl Standalone {
    /// Loads the shipped file of the build that [`NATIVE`] selects, and prepares it for a test.
    pub fn load() -> Standalone {
        if is_native_selected() { Standalone::native() } else { Standalone::wasm() }
    }

    /// Loads the shipped file with the Wasm modules and prepares it for a test.
    pub fn wasm() -> Standalone {
        Standalone::read("envoy/standalone.yaml")
    }

    /// Loads the shipped file with the dynamic module and prepares it for a test.
    pub fn native() -> Standalone {
        Standalone::read("envoy/standalone-native.yaml")
    }

    fn read(file: &str) -> Standalone {
        let shipped = serde_norway::from_str(&workspace::text(file));
        let shipped: Value = shipped.unwrap_or_else(|e| panic!("{file}: {e}"));
        let env = [
            ("STRIPE_WEBHOOK_SECRET", "whsec_example"),
            ("CLERK_WEBHOOK_SIGNING_SECRET", EXAMPLE_CLERK_WEBHOOK_SECRET),
            ("CLERK_JWT_KEY", EXAMPLE_CLERK_JWT_KEY),
        ];
        let files = Files {
            config: shipped.clone(),
            secrets: BTreeMap::new(),
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            concurrency: 2,
            reloadable: false,
            drain_s: None,
            program: None,
            access_log_flush: None,
            // At `info`, `main` lists every extension that is compiled in.
            log_arguments: ["--component-log-level", "main:warning"].map(str::to_owned).to_vec(),
        };
        let mut standalone = Standalone { files, shipped };
        for address in ["/admin", "/static_resources/listeners/0"] {
            let socket = at(&mut standalone.files.config, &format!("{address}/address/socket_address"));
            set_address(socket, SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0));
        }
        for cluster in ["upstream", "stripe_api", "clerk_api"] {
            standalone = standalone.upstream_at(cluster, ports::CLOSED);
        }
        for secret in ["stripe_api_key", "clerk_secret_key"] {
            standalone = standalone.secret(secret, "sk_test_example");
        }
        standalone
    }

    /// Sets the files of the modules.
    pub fn modules(mut self, modules: &Modules) -> Self {
        for name in self.filters() {
            let Some(file) = modules.of_filter(&name) else { continue };
            let filter = filter_config(&mut self.files.config, &name);
            if is_native(filter) {
                let file = Modules::native().display().to_string();
                *at(filter, "/dynamic_module_config/module/local/filename") = file.into();
            } else {
                *at(filter, "/config/vm_config/code/local/filename") = file.display().to_string().into();
            }
        }
        self
    }

    /// Sets the file of the dynamic module.
    pub fn dynamic_module(mut self, file: &Path) -> Self {
        for name in self.filters() {
            let filter = filter_config(&mut self.files.config, &name);
            *at(filter, "/dynamic_module_config/module/local/filename") = file.display().to_string().into();
        }
        self
    }

    /// Removes the plugin filters that are still there: Envoy alone remains.
    pub fn without_modules(mut self) -> Self {
        http_filters(&mut self.files.config).retain(|filter| !is_ours(filter));
        self
    }

    /// Removes a section and its filter, which most tests do not need: `clerk_webhook` or `billing`.
    pub fn without_section(self, name: &str) -> Self {
        let without_section = self.document(|document| {
            document.as_mapping_mut().map(|sections| sections.remove(name));
        });
        without_section.without_filter(name)
    }

    /// Returns the names of our filters that are still there, in their order.
    fn filters(&mut self) -> Vec<String> {
        let ours = http_filters(&mut self.files.config).iter().filter(|filter| is_ours(filter));
        ours.filter_map(|filter| filter["name"].as_str()).map(str::to_owned).collect()
    }

    /// Removes one HTTP filter from the listener's chain.
    pub fn without_filter(mut self, name: &str) -> Self {
        let filters = http_filters(&mut self.files.config);
        let before = filters.len();
        filters.retain(|filter| filter["name"] != name);
        assert_eq!(filters.len(), before - 1, "standalone.yaml has no HTTP filter {name:?} to remove");
        self
    }

    /// Removes each of our filters whose section the document lacks: it would refuse to start.
    pub(crate) fn without_unconfigured_filters(mut self) -> Self {
        http_filters(&mut self.files.config).retain_mut(|filter| {
            match filter["name"].as_str().map(str::to_owned) {
                Some(name) if FILTERS.contains(&name.as_str()) => {
                    !document_in(at(filter, "/typed_config"))[name.as_str()].is_null()
                }
                _ => true,
            }
        });
        self
    }

    /// Edits the configuration document, for all filters alike.
    pub fn document(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        let filters = self.filters();
        let mut documents: Vec<Value> = filters.iter().map(|filter| self.document_of(filter)).collect();
        documents.dedup();
        assert_eq!(documents.len(), 1, "the filters have different documents");
        let mut document = documents.remove(0);
        edit(&mut document);
        for filter in filters {
            *document_in(filter_config(&mut self.files.config, &filter)) = document.clone();
        }
        self
    }

    /// Returns the configuration document of one filter.
    pub fn document_of(&mut self, filter: &str) -> Value {
        document_in(filter_config(&mut self.files.config, filter)).clone()
    }

    /// Points a cluster to `address`, in plain text: the shipped TLS settings are removed.
    pub fn upstream_at(mut self, cluster: &str, address: SocketAddr) -> Self {
        let cluster = set_endpoint(&mut self.files.config, cluster, address);
        cluster.as_mapping_mut().map(|fields| fields.remove("transport_socket"));
        self
    }

    /// Points a cluster to `address` with the shipped TLS settings, except that `ca` replaces the system's
    /// authorities.
    pub fn upstream_with_tls(mut self, cluster: &str, address: SocketAddr, ca: &Path) -> Self {
        let tls =
            at(named(at(&mut self.shipped, "/static_resources/clusters"), cluster), "/transport_socket")
                .clone();
        let cluster = set_endpoint(&mut self.files.config, cluster, address);
        cluster["transport_socket"] = tls;
        let context =
            "/transport_socket/typed_config/common_tls_context/validation_context/trusted_ca/filename";
        *at(cluster, context) = ca.display().to_string().into();
        self
    }

    /// Routes every request to that cluster.
    pub fn route_all_to(mut self, cluster: &str) -> Self {
        let route = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0\
                     /routes/0/route/cluster";
        *at(&mut self.files.config, route) = cluster.into();
        self
    }

    /// Makes Envoy respond to every request with 200 itself, without an upstream, so that only the gateway is
    /// measured.
    pub fn with_direct_responses(mut self) -> Self {
        let routes = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
        let response = json!([{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]);
        *at(&mut self.files.config, routes) = yaml(response);
        self
    }

    /// Sets the API key in the secret file of that name: `stripe_api_key` or `clerk_secret_key`.
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.files.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets an environment variable of Envoy. It has only those set here or by [`Standalone::load`].
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.files.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Removes an environment variable that [`Standalone::load`] or [`Standalone::env`] set.
    pub fn without_env(mut self, name: &str) -> Self {
        self.files.env.remove(name);
        self
    }

    /// Sets the number of worker threads. The default is 2.
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.files.concurrency = workers;
        self
    }

    /// Makes Envoy read the listener from a file of its own, for [`Envoy::reload`].
    pub fn reloadable(mut self) -> Self {
        self.files.reloadable = true;
        self
    }

    /// Sets for how long a replaced listener serves its connections, in seconds: by default ten minutes.
    pub fn draining_for(mut self, seconds: u32) -> Self {
        self.files.drain_s = Some(seconds);
        self
    }

    /// Starts this Envoy instead of the one of all tests.
    pub fn program(mut self, program: PathBuf) -> Self {
        self.files.program = Some(program);
        self
    }

    /// Makes Envoy write its access log after this time: by default, after ten seconds.
    pub fn access_log_after(mut self, flush: Duration) -> Self {
        self.files.access_log_flush = Some(flush);
        self
    }

    /// Sets the address of the listener, instead of a free port.
    pub fn listening_at(mut self, address: SocketAddr) -> Self {
        set_address(
            at(&mut self.files.config, "/static_resources/listeners/0/address/socket_address"),
            address,
        );
        self
    }

    /// Edits any other part of Envoy's configuration.
    pub fn edit(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        edit(&mut self.files.config);
        self
    }

    /// Starts Envoy and waits until it serves.
    ///
    /// # Panics
    /// If Envoy ends or does not serve in time, with the end of its log.
    pub async fn start(self) -> Envoy {
        self.files.start().await
    }

    /// Starts Envoy, which must reject the configuration and end. Returns its log, which contains the reason.
    ///
    /// # Panics
    /// If Envoy serves anyway, or does not end in time.
    pub async fn start_rejected(self) -> String {
        Envoy::start_rejected(self.files.lay_out()).await
    }

    /// Makes Envoy check the configuration without serving. The modules are loaded and configured too.
    pub async fn validate(self) -> Validation {
        Envoy::validate(self.files.lay_out()).await
    }
}

/// Returns the value at a JSON Pointer (RFC 6901, without its escapes). It must exist: an edit without a
/// target would leave the test testing something else.
pub(super) fn at<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    pointer.split('/').skip(1).fold(value, |value, step| {
        let found = match step.parse::<usize>() {
            Ok(index) => value.get_mut(index),
            Err(_) => value.get_mut(step),
        };
        found.unwrap_or_else(|| panic!("standalone.yaml has nothing at {step:?} of {pointer}"))
    })
}

fn set_address(socket: &mut Value, address: SocketAddr) {
    socket["address"] = address.ip().to_string().into();
    socket["port_value"] = address.port().into();
}

fn named<'a>(list: &'a mut Value, name: &str) -> &'a mut Value {
    let mut entries = list.as_sequence_mut().into_iter().flatten();
    entries.find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("standalone.yaml has no {name:?}"))
}

fn http_filters(config: &mut Value) -> &mut Vec<Value> {
    at(config, "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters")
        .as_sequence_mut()
        .unwrap_or_else(|| panic!("http_filters of standalone.yaml is not a list"))
}

/// Returns the configuration of one of our filters, as a Wasm module or a dynamic module.
fn filter_config<'a>(config: &'a mut Value, name: &str) -> &'a mut Value {
    let filters =
        at(config, "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters");
    at(named(filters, name), "/typed_config")
}

fn is_ours(filter: &Value) -> bool {
    filter["name"].as_str().is_some_and(|name| FILTERS.contains(&name))
}

fn is_native(filter: &Value) -> bool {
    filter.get("dynamic_module_config").is_some()
}

/// Returns the configuration document of one of our filters.
fn document_in(filter: &mut Value) -> &mut Value {
    let pointer = if is_native(filter) { "/filter_config/value" } else { "/config/configuration/value" };
    at(filter, pointer)
}

fn set_endpoint<'a>(config: &'a mut Value, cluster: &str, address: SocketAddr) -> &'a mut Value {
    let cluster = named(at(config, "/static_resources/clusters"), cluster);
    let endpoint = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
    set_address(at(cluster, endpoint), address);
    cluster
}
