//! The directory of one Envoy, with its configuration, secrets and logs, and the command that starts it.

use super::files::Files;
use super::obtain;
use crate::install::workspace;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The number of lines of the log that a failure shows.
const LOG_TAIL_LINES: usize = 60;
/// The text in the shipped examples of secret files that stands for a key.
const PLACEHOLDER: &str = "sk_test_REPLACE_ME";

/// The directory of one Envoy, and what it was written from. It is removed when dropped, unless a test is failing.
#[derive(Debug)]
pub(super) struct Launch {
    dir: TempDir,
    files: Files,
}

impl Launch {
    /// Returns an empty directory for these files.
    pub(super) fn new(files: Files) -> Launch {
        let parent = workspace::target_dir().join("envoy");
        let dir = fs::create_dir_all(&parent)
            .and_then(|()| tempfile::Builder::new().prefix("run-").tempdir_in(&parent))
            .and_then(|dir| fs::create_dir(dir.path().join("secrets")).map(|()| dir))
            .unwrap_or_else(|e| panic!("cannot create a directory in {}: {e}", parent.display()));
        Launch { dir, files }
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn write_config(&self, config: &[u8]) {
        write(&self.config(), config);
    }

    /// Fills in the shipped example and renames it to its final name, as its comment tells operators to do.
    pub(super) fn write_secret(&self, name: &str, value: &str) {
        let example = workspace::file(&format!("envoy/secrets/{name}.yaml.example"));
        let text = fs::read_to_string(&example)
            .unwrap_or_else(|e| panic!("no example of a secret file {}: {e}", example.display()));
        assert!(text.contains(PLACEHOLDER), "{} has no {PLACEHOLDER}", example.display());
        let file = self.dir().join("secrets").join(format!("{name}.yaml"));
        let new = file.with_extension("yaml.new");
        write(&new, text.replace(PLACEHOLDER, value).as_bytes());
        fs::rename(&new, &file).unwrap_or_else(|e| panic!("cannot rename {}: {e}", new.display()));
    }

    /// Returns the path of the file of the listener, if the listener has its own file.
    pub(super) fn listener_file(&self) -> PathBuf {
        self.dir().join("listeners").join("listener.json")
    }

    /// Returns the listener in that file.
    pub(super) fn listener(&self) -> Value {
        let text = read(&self.listener_file());
        let mut resources: Value =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("listener.json: {e}"));
        resources["resources"][0].take()
    }

    /// Replaces that file atomically: Envoy may be reading the previous one.
    pub(super) fn write_listener(&self, listener: &Value) {
        let mut listener = listener.clone();
        listener["@type"] = "type.googleapis.com/envoy.config.listener.v3.Listener".into();
        let file = self.listener_file();
        let new = self.dir().join("listener.json.new");
        fs::create_dir_all(file.parent().unwrap_or(&file))
            .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        write(&new, serde_json::json!({"resources": [listener]}).to_string().as_bytes());
        fs::rename(&new, &file).unwrap_or_else(|e| panic!("cannot rename {}: {e}", new.display()));
    }

    /// Returns the command for `mode` (Envoy's `--mode`), with only the given environment.
    pub(super) fn command(&self, mode: &str) -> Command {
        let Files { env, concurrency, drain_s, program, access_log_flush, log_arguments, .. } = &self.files;
        let mut command = Command::new(program.as_deref().unwrap_or_else(|| obtain::program()));
        command.arg("--config-path").arg(self.config()).args(["--mode", mode]);
        command.args(["--disable-hot-restart", "--concurrency", &concurrency.to_string()]);
        if let Some(seconds) = drain_s {
            command.args(["--drain-time-s", &seconds.to_string()]);
        }
        if let Some(interval) = access_log_flush {
            command.args(["--file-flush-interval-msec", &interval.as_millis().to_string()]);
        }
        command.args(log_arguments);
        command.arg("--admin-address-path").arg(self.admin_file());
        command.env_clear().envs(env).stdin(Stdio::null());
        command
    }

    /// Starts it. Its log and its access log go into files of the directory; a second start appends to them.
    pub(super) fn spawn(&self) -> Child {
        let _ = fs::remove_file(self.admin_file());
        let mut command = self.command("serve");
        command.stdout(append(&self.access_log_file())).stderr(append(&self.log_file()));
        command.spawn().unwrap_or_else(|e| panic!("cannot start {:?}: {e}", command.get_program()))
    }

    /// Returns the file into which Envoy writes the address of its admin interface.
    pub(super) fn admin_file(&self) -> PathBuf {
        self.dir().join("admin.address")
    }

    pub(super) fn log(&self) -> String {
        read(&self.log_file())
    }

    pub(super) fn access_log(&self) -> String {
        read(&self.access_log_file())
    }

    /// Returns the end of the log, with the path of the whole log.
    pub(super) fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(LOG_TAIL_LINES)..).unwrap_or(&lines).join("\n");
        format!("--- the end of {}:\n{tail}\n---", self.log_file().display())
    }

    fn config(&self) -> PathBuf {
        self.dir().join("envoy.json")
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.dir().join("envoy.log")
    }

    pub(super) fn access_log_file(&self) -> PathBuf {
        self.dir().join("access.log")
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        self.dir.disable_cleanup(std::thread::panicking());
    }
}

fn write(file: &Path, content: &[u8]) {
    fs::write(file, content).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
}

fn append(file: &Path) -> File {
    let opened = File::options().create(true).append(true).open(file);
    opened.unwrap_or_else(|e| panic!("cannot open {}: {e}", file.display()))
}

/// Reads a log, which may contain any bytes that a client sent.
fn read(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()
}
