//! Envoy's configuration with the files beside it, before they are written to a directory.

use super::launch::Launch;
use super::process::Envoy;
use serde_norway::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The directory in the shipped files that contains the user's modules and secrets.
const SHIPPED_DIR: &str = "/etc/tollgate";

/// Everything that an Envoy is started from.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// Its configuration. Paths below `/etc/tollgate` will be replaced by the real paths.
    pub(crate) config: Value,
    /// The API keys by the names of their secret files.
    pub(crate) secrets: BTreeMap<String, String>,
    /// Its whole environment.
    pub(crate) env: BTreeMap<String, String>,
    /// The number of worker threads.
    pub(crate) concurrency: u32,
    /// Whether the listener is in a file of its own, which Envoy reads again when it is replaced.
    pub(crate) reloadable: bool,
    /// For how long a replaced listener serves its connections, in seconds, if not for Envoy's default.
    pub(crate) drain_s: Option<u32>,
    /// The Envoy, if not the one of all tests.
    pub(crate) program: Option<PathBuf>,
    /// The time after which Envoy writes its access log, if not Envoy's default.
    pub(crate) access_log_flush: Option<Duration>,
    /// Its arguments that set the levels of its log.
    pub(crate) log_arguments: Vec<String>,
}

impl Files {
    /// Starts Envoy and waits until it serves.
    ///
    /// # Panics
    /// If Envoy ends or does not serve in time, with the end of its log.
    pub(crate) async fn start(self) -> Envoy {
        Envoy::start(self.lay_out()).await
    }

    /// Writes the files to a directory of their own.
    pub(super) fn lay_out(self) -> Arc<Launch> {
        let launch = Launch::new(self);
        let files = launch.files();
        for (name, value) in &files.secrets {
            launch.write_secret(name, value);
        }
        let mut config = files.config.clone();
        relocate(&mut config, SHIPPED_DIR, &launch.dir().display().to_string());
        if files.reloadable {
            launch.write_listener(&listener_in_a_file(&mut config, &launch.listener_file()));
        }
        // JSON, since plain words of YAML (yes, on, 1e3) mean different things to different readers.
        let json = serde_json::to_vec_pretty(&config).unwrap_or_else(|e| {
            panic!("an edit has put something into the configuration that JSON cannot represent: {e}")
        });
        launch.write_config(&json);
        Arc::new(launch)
    }
}

/// Moves the listener from a configuration to that file, from which Envoy will read it.
fn listener_in_a_file(config: &mut Value, file: &Path) -> serde_json::Value {
    let listeners = config["static_resources"].as_mapping_mut().and_then(|fields| fields.remove("listeners"));
    let listener = listeners.as_ref().and_then(|listeners| listeners.get(0));
    let source = serde_json::json!({"lds_config": {"resource_api_version": "V3", "path_config_source": {
        "path": file, "watched_directory": {"path": file.parent()}}}});
    config["dynamic_resources"] = serde_norway::to_value(source).unwrap_or_default();
    serde_json::to_value(listener).unwrap_or_default()
}

/// Replaces `from` by `to` at the start of every path.
fn relocate(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) => {
            if let Some(rest) =
                text.strip_prefix(from).filter(|rest| rest.is_empty() || rest.starts_with('/'))
            {
                *text = format!("{to}{rest}");
            }
        }
        Value::Sequence(entries) => entries.iter_mut().for_each(|entry| relocate(entry, from, to)),
        Value::Mapping(fields) => fields.iter_mut().for_each(|(_, value)| relocate(value, from, to)),
        _ => {}
    }
}
