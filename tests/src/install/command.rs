//! Builds the `tollgate` command.

use crate::install::modules::{inner_command, run};
use crate::install::workspace;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The built command; built once per process, in the build directory of the tests: cargo has released it when they run, and
/// most of what the command is made of is there.
///
/// # Panics
/// With what cargo said when it cannot be built.
pub fn built() -> &'static Path {
    static COMMAND: OnceLock<PathBuf> = OnceLock::new();
    COMMAND.get_or_init(|| {
        let dir = workspace::target_dir();
        workspace::progress("building the tollgate command");
        let mut cargo = inner_command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).as_ref());
        cargo
            .args(["build", "--locked", "-p", "tollgate-ctl", "--bin", "tollgate", "--target-dir"])
            .arg(&dir);
        run(&mut cargo, "see the compiler's messages above");
        dir.join("debug/tollgate")
    })
}
