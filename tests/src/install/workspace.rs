//! The repository and its build directory: where they are, and what is being put into them.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// A file of the repository, given from its root.
pub fn file(path: &str) -> PathBuf {
    root().join(path)
}

/// The text of a file of the repository, given from its root.
///
/// # Panics
/// When it is not there.
pub fn text(path: &str) -> String {
    let path = file(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()))
}

/// Cargo's build directory: what the harness builds, installs and logs goes below it, so that `cargo clean` and
/// `.gitignore` cover it.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Says on stderr what takes time just now. Written past the test runner, which holds back what tests print.
pub fn progress(message: &str) {
    let _ = writeln!(std::io::stderr(), "tollgate: {message}");
}
