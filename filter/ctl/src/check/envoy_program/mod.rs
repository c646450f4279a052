//! Asks an Envoy (`--envoy`) whether it can run the checked files: its version, the fields and extensions that
//! it knows, and its Wasm runtime. It is asked with configurations that it refuses before it loads, opens, or
//! calls anything.

mod fields;
mod native;
mod place;
mod refusal;
mod runtime;
mod version;

use super::finding::{Finding, FindingKind};
use super::input::file::CheckedFile;
use serde_json::Value;
use std::fmt::{Display, Formatter};
use std::io::Write;
use std::process::{Command, Stdio};
use version::EnvoyVersion;

/// An Envoy on this machine.
#[derive(Clone, Debug)]
pub(super) struct EnvoyProgram {
    /// Its file, or its name if it is on the `PATH`.
    pub(super) file: String,
    pub(super) version: EnvoyVersion,
}

impl EnvoyProgram {
    /// Asks a program for its version.
    ///
    /// # Errors
    /// It does not start, or is not an Envoy 1.x; as the text for the user.
    pub(super) fn ask(file: &str) -> Result<Self, String> {
        let output = Command::new(file).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("{file} does not start: {error}"))?;
        let version = EnvoyVersion::printed(&String::from_utf8_lossy(&output.stdout));
        let version = version.ok_or_else(|| {
            format!("{file} is not an Envoy 1.x: its --version does not print such a version")
        })?;
        Ok(EnvoyProgram { file: file.to_owned(), version })
    }

    /// Lets it validate a configuration, and returns what it logs.
    ///
    /// # Errors
    /// It does not start, or the file for it cannot be written.
    fn log_of(&self, config: &Value) -> std::io::Result<String> {
        // Only its owner can read it: a configuration can contain keys.
        let mut file = tempfile::Builder::new().prefix("tollgate-").suffix(".json").tempfile()?;
        file.write_all(config.to_string().as_bytes())?;
        let mut command = Command::new(&self.file);
        command.args(["--mode", "validate", "--log-level", "warning", "--config-path"]).arg(file.path());
        let output = command.stdin(Stdio::null()).output()?;
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Displays the file, and the version.
impl Display for EnvoyProgram {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} (Envoy {})", self.file, self.version)
    }
}

/// Returns why the program cannot run these files.
pub(super) fn findings(program: &EnvoyProgram, files: &[CheckedFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for found in &file.contents.values {
            let base = file.base(&found.location);
            let of_fields = fields::findings(program, base, &found.value);
            let is_refused = of_fields.iter().any(|finding| finding.kind == FindingKind::RefusedByEnvoy);
            findings.extend(of_fields);
            // An Envoy too old for the native module mostly does not know a field of it either.
            let of_native = native::findings(program, base, &found.value);
            findings.extend(of_native.into_iter().filter(|_| !is_refused));
        }
        findings.extend(runtime::findings(program, file));
    }
    findings
}
