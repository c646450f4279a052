//! The paths of the repository and of its build directory, and messages about progress.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Returns the repository's root.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// Returns a file, given by its path from the repository's root.
pub fn file(path: &str) -> PathBuf {
    root().join(path)
}

/// Returns the text of a file, given by its path from the repository's root.
///
/// # Panics
/// If it cannot be read.
pub fn text(path: &str) -> String {
    let path = file(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()))
}

/// Returns cargo's build directory. What the harness builds, installs and logs goes below it, so that `cargo
/// clean` and `.gitignore` cover it.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Prints a line on stdout. If its reader is gone (`cargo demo | head`), the line is dropped.
pub fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line on stderr. If its reader is gone, the line is dropped.
pub fn print_error_line(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints a message about a slow step on stderr, directly: the test runner captures what tests print.
pub fn progress(message: &str) {
    print_error_line(&format!("tollgate: {message}"));
}
