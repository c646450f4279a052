//! The pinned `stripe-mock` below `target/`: built by Go, once however many processes ask.

use crate::{go, workspace};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PACKAGE: &str = "github.com/stripe/stripe-mock";
/// Of 2026-08-26, with the description of Stripe's API version 2026-08-26.dahlia: the newest there is.
const VERSION: &str = "v0.203.0";

/// The program, sought once per process.
///
/// # Panics
/// With the command to type, when it is not there and Go is missing or cannot build it.
pub(super) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| in_dir(&workspace::target_dir().join("stripe-mock"), || go::program().into()))
}

/// `go` is asked for only when something is to be built.
fn in_dir(dir: &Path, go: impl FnOnce() -> OsString) -> PathBuf {
    let program = dir.join(VERSION).join("stripe-mock");
    if program.is_file() {
        return program;
    }
    fs::create_dir_all(dir).unwrap_or_else(|e| panic!("cannot create {}: {e}", dir.display()));
    // Held until the end of this function. The system releases it also when the process is killed.
    let lock_path = dir.join("lock");
    let lock =
        File::create(&lock_path).unwrap_or_else(|e| panic!("cannot create {}: {e}", lock_path.display()));
    lock.lock().unwrap_or_else(|e| panic!("cannot lock {}: {e}", lock_path.display()));
    if !program.is_file() {
        install(dir, &program, &go());
    }
    program
}

/// Builds it beside its place and moves it there when it is whole: what was interrupted is done again.
fn install(dir: &Path, program: &Path, go: &OsStr) {
    let pinned = format!("{PACKAGE}@{VERSION}");
    workspace::progress(&format!("installing {pinned} with Go, a minute or two; this is done once"));
    let (staging, place) = (dir.join("staging"), dir.join(VERSION));
    for stale in [&staging, &place] {
        if stale.exists() {
            fs::remove_dir_all(stale).unwrap_or_else(|e| panic!("cannot remove {}: {e}", stale.display()));
        }
    }
    fs::create_dir_all(&staging).unwrap_or_else(|e| panic!("cannot create {}: {e}", staging.display()));
    let by_hand = format!("`GOBIN={} go install {pinned}`", place.display());
    // A GOOS or GOARCH of a cross-compiling shell would put it elsewhere.
    let out = Command::new(go)
        .args(["install", &pinned])
        .env("GOBIN", &staging)
        .env_remove("GOOS")
        .env_remove("GOARCH")
        .output();
    match out {
        Ok(out) if out.status.success() => {}
        Ok(out) => panic!(
            "`go install {pinned}` ended with {}\n{}\ncure: see that Go is 1.22.1 or later and reaches its module \
             proxy, or install it by hand: {by_hand}",
            out.status,
            String::from_utf8_lossy(&out.stderr)
        ),
        Err(e) if e.kind() == io::ErrorKind::NotFound => panic!(
            "Go is not there, which builds Stripe's stripe-mock\ncure: install Go 1.22.1 or later (https://go.dev/dl, \
             Debian 13: `apt-get install golang-go`) and try again, or build it elsewhere: {by_hand}"
        ),
        Err(e) => panic!("cannot start Go: {e}"),
    }
    fs::rename(&staging, &place).unwrap_or_else(|e| panic!("cannot make {}: {e}", place.display()));
    assert!(program.is_file(), "Go has built no {}", program.display());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// Stands in for Go: building takes a minute.
    fn go_that(dir: &Path, script: &str) -> PathBuf {
        let go = dir.join("go");
        fs::write(&go, format!("#!/bin/sh\n{script}\n")).expect("a file");
        fs::set_permissions(&go, fs::Permissions::from_mode(0o755)).expect("an executable");
        go
    }

    #[test]
    fn it_is_built_once_and_one_that_was_interrupted_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let go = go_that(dir.path(), "echo \"$@\" >>\"$GOBIN/../calls\"; echo whole >\"$GOBIN/stripe-mock\"");
        let target = dir.path().join("target");
        fs::create_dir_all(target.join("staging")).expect("a directory");
        fs::write(target.join("staging/stripe-mock"), "half").expect("a file");
        for _ in 0..2 {
            let program = in_dir(&target, || go.clone().into());
            assert_eq!(fs::read_to_string(program).expect("a program"), "whole\n");
        }
        let calls = fs::read_to_string(target.join("calls")).expect("a call");
        assert_eq!(calls, format!("install {PACKAGE}@{VERSION}\n"));
    }

    #[test]
    #[should_panic(expected = "cure: install Go 1.22.1 or later")]
    fn without_go_it_says_what_to_do() {
        let dir = tempfile::tempdir().expect("a directory");
        in_dir(dir.path(), || dir.path().join("no-go").into());
    }

    #[test]
    #[should_panic(
        expected = "no such host\n\ncure: see that Go is 1.22.1 or later and reaches its module proxy"
    )]
    fn what_go_says_is_shown() {
        let dir = tempfile::tempdir().expect("a directory");
        let go = go_that(dir.path(), "echo no such host >&2; exit 1");
        in_dir(dir.path(), || go.clone().into());
    }
}
