//! Pinned third-party programs below `target/`: built by Go, once for all processes.

use crate::{install::go, install::workspace};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that `go install` builds.
#[derive(Clone, Copy, Debug)]
pub struct GoProgram {
    /// Its common name, after which its directory below `target/` is named.
    pub name: &'static str,
    /// The import path of its package.
    pub package: &'static str,
    /// The pinned version of its module.
    pub version: &'static str,
    /// The oldest version of Go that builds it.
    pub go: &'static str,
    /// The expected duration of the build, for a message.
    pub takes: &'static str,
}

impl GoProgram {
    /// Returns the path of the program. Builds it if it is missing.
    ///
    /// # Panics
    /// If it is missing and Go is missing or cannot build it, with the command to run.
    pub fn obtain(&self) -> PathBuf {
        self.in_dir(&workspace::target_dir().join(self.name), || go::program().into())
    }

    /// Returns the name that Go gives the program: the last part of the package.
    fn binary(&self) -> &'static str {
        self.package.rsplit('/').next().unwrap_or(self.package)
    }

    /// Returns the program below `dir`. Calls `go` only if it has to be built.
    fn in_dir(&self, dir: &Path, go: impl FnOnce() -> OsString) -> PathBuf {
        let program = dir.join(self.version).join(self.binary());
        if program.is_file() {
            return program;
        }
        fs::create_dir_all(dir).unwrap_or_else(|e| panic!("cannot create {}: {e}", dir.display()));
        // Held until the end of this function. The system releases it also if the process is killed.
        let lock_path = dir.join("lock");
        let lock =
            File::create(&lock_path).unwrap_or_else(|e| panic!("cannot create {}: {e}", lock_path.display()));
        lock.lock().unwrap_or_else(|e| panic!("cannot lock {}: {e}", lock_path.display()));
        if !program.is_file() {
            self.install(dir, &go());
            assert!(program.is_file(), "Go has built no {}", program.display());
        }
        program
    }

    /// Builds it in a staging directory and renames that when the build is complete: an interrupted build is
    /// repeated.
    fn install(&self, dir: &Path, go: &OsStr) {
        let pinned = format!("{}@{}", self.package, self.version);
        workspace::progress(&format!("installing {pinned} with Go, {}; this is done once", self.takes));
        let (staging, destination) = (dir.join("staging"), dir.join(self.version));
        for stale in [&staging, &destination] {
            if stale.exists() {
                fs::remove_dir_all(stale)
                    .unwrap_or_else(|e| panic!("cannot remove {}: {e}", stale.display()));
            }
        }
        fs::create_dir_all(&staging).unwrap_or_else(|e| panic!("cannot create {}: {e}", staging.display()));
        let by_hand = format!("`GOBIN={} go install {pinned}`", destination.display());
        // The GOOS or GOARCH of a cross-compiling shell would change the path of the program.
        let out = Command::new(go)
            .args(["install", &pinned])
            .env("GOBIN", &staging)
            .env_remove("GOOS")
            .env_remove("GOARCH")
            .output();
        let GoProgram { name, go, .. } = self;
        match out {
            Ok(out) if out.status.success() => {}
            Ok(out) => panic!(
                "`go install {pinned}` ended with {}\n{}\nfix: check that Go is {go} or later and reaches its module \
                 proxy, or install it by hand: {by_hand}",
                out.status,
                String::from_utf8_lossy(&out.stderr)
            ),
            Err(e) if e.kind() == io::ErrorKind::NotFound => panic!(
                "Go, which builds {name}, is missing\nfix: install Go {go} or later (https://go.dev/dl, \
                Debian 13: `apt-get install golang-go`) and try again, or build it elsewhere: {by_hand}"
            ),
            Err(e) => panic!("cannot start Go: {e}"),
        }
        fs::rename(&staging, &destination)
            .unwrap_or_else(|e| panic!("cannot make {}: {e}", destination.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const TOOL: GoProgram = GoProgram {
        name: "a-tool",
        package: "example.com/tools/tool",
        version: "v1.2.3",
        go: "1.22.1",
        takes: "a minute",
    };

    /// Writes a script that replaces Go: a real build takes a minute.
    fn fake_go(dir: &Path, script: &str) -> PathBuf {
        let go = dir.join("go");
        fs::write(&go, format!("#!/bin/sh\n{script}\n")).expect("a file");
        fs::set_permissions(&go, fs::Permissions::from_mode(0o755)).expect("an executable");
        go
    }

    #[test]
    fn it_is_built_once_and_again_after_an_interruption() {
        let dir = tempfile::tempdir().expect("a directory");
        let go = fake_go(dir.path(), "echo \"$@\" >>\"$GOBIN/../calls\"; echo whole >\"$GOBIN/tool\"");
        let target = dir.path().join("target");
        fs::create_dir_all(target.join("staging")).expect("a directory");
        fs::write(target.join("staging/tool"), "half").expect("a file");
        for _ in 0..2 {
            let program = TOOL.in_dir(&target, || go.clone().into());
            assert_eq!(fs::read_to_string(program).expect("a program"), "whole\n");
        }
        let calls = fs::read_to_string(target.join("calls")).expect("a call");
        assert_eq!(calls, "install example.com/tools/tool@v1.2.3\n");
    }

    #[test]
    #[should_panic(expected = "fix: install Go 1.22.1 or later")]
    fn without_go_the_message_explains_what_to_do() {
        let dir = tempfile::tempdir().expect("a directory");
        TOOL.in_dir(dir.path(), || dir.path().join("no-go").into());
    }

    #[test]
    #[should_panic(
        expected = "no such host\n\nfix: check that Go is 1.22.1 or later and reaches its module proxy"
    )]
    fn the_output_of_go_is_shown() {
        let dir = tempfile::tempdir().expect("a directory");
        let go = fake_go(dir.path(), "echo no such host >&2; exit 1");
        TOOL.in_dir(dir.path(), || go.clone().into());
    }
}
