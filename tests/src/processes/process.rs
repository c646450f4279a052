//! A third-party program that runs beside a test: its output goes to a file, and it is killed when dropped.

use crate::install::workspace::print_error_line;
use crate::waiting::until;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running program. Dropping it kills it; if the test is failing, its output is shown.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    _dir: TempDir,
}

impl Process {
    /// Starts a program. `name` appears in messages.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(name: &'static str, mut command: Command) -> Process {
        let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("cannot make a directory: {e}"));
        // A file and not a pipe: a program with much output would block on a pipe that nothing reads.
        let log = dir.path().join("log");
        let output = File::create(&log).unwrap_or_else(|e| panic!("cannot create {}: {e}", log.display()));
        let errors = output.try_clone().unwrap_or_else(|e| panic!("cannot open {}: {e}", log.display()));
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let child = child.unwrap_or_else(|e| panic!("cannot start {name} by {command:?}: {e}"));
        Process { name, child, log, _dir: dir }
    }

    /// Waits until `readiness` finds in the output what it looks for, and returns that.
    ///
    /// # Panics
    /// If the program ends first, or is not ready in time.
    pub async fn ready<T>(&mut self, mut readiness: impl AsyncFnMut(&str) -> Option<T>) -> T {
        until(format!("{} that is ready", self.name), async || {
            let found = readiness(&self.log()).await;
            if found.is_none()
                && let Ok(Some(status)) = self.child.try_wait()
            {
                panic!("{} ended with {status} instead of being ready", self.name);
            }
            found
        })
        .await
    }

    /// Returns the process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns its output so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            print_error_line(&format!("--- the output of {}:\n{}\n---", self.name, self.log()));
        }
    }
}

/// Returns how much memory of a process is in RAM, in bytes.
///
/// # Panics
/// If it has ended, or the system has no `/proc/<pid>/status` (Linux has).
pub fn resident_bytes(process: u32) -> u64 {
    let file = format!("/proc/{process}/status");
    let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("cannot read {file}: {e}"));
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    1024 * kilobytes.unwrap_or_else(|| panic!("{file} has no VmRSS"))
}
