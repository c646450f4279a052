//! Builds the `tollgate` command.

use crate::install::modules::{inner_cargo, run};
use crate::install::workspace;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Builds the command, once per process, in the build directory of the tests: cargo no longer locks it when
/// they run, and most dependencies are built there already.
///
/// # Panics
/// If it cannot be built, with the output of cargo.
pub fn built() -> &'static Path {
    static COMMAND: OnceLock<PathBuf> = OnceLock::new();
    COMMAND.get_or_init(|| {
        let dir = workspace::target_dir();
        workspace::progress("building the tollgate command");
        let mut cargo = inner_cargo();
        cargo
            .args(["build", "--locked", "-p", "tollgate-ctl", "--bin", "tollgate", "--target-dir"])
            .arg(&dir);
        run(&mut cargo, "see the compiler's messages above");
        dir.join("debug/tollgate")
    })
}
