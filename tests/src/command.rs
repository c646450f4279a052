//! Builds the `tollgate` command, beside the build that is running.

use crate::modules::{inner_command, run};
use crate::workspace;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The built command; built once per process, in a build directory of its own as the modules are.
///
/// # Panics
/// With what cargo said when it cannot be built.
pub fn built() -> &'static Path {
    static COMMAND: OnceLock<PathBuf> = OnceLock::new();
    COMMAND.get_or_init(|| {
        let dir = workspace::target_dir().join("command");
        workspace::progress("building the tollgate command");
        let mut cargo = inner_command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).as_ref());
        cargo
            .args(["build", "--locked", "-p", "tollgate-ctl", "--bin", "tollgate", "--target-dir"])
            .arg(&dir);
        run(&mut cargo, "see the compiler's messages above");
        dir.join("debug/tollgate")
    })
}
