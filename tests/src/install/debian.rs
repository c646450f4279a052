//! Programs of the machine, which root installs from Debian's packages if they are missing, unless
//! `TOLLGATE_INSTALL=no` is set.

use crate::install::workspace;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns a program on the PATH. If it is missing, root installs Debian's `package`.
///
/// # Panics
/// If it is missing and cannot be installed, with the command that installs it.
pub fn program(name: &str, package: &str) -> PathBuf {
    // One installation at a time, of any program: apt-get itself fails if another one runs. And a program may be on the
    // PATH before its libraries are, until its installation has ended.
    let lock = File::create(workspace::target_dir().join("debian.lock")).expect("a file below target/");
    lock.lock().expect("a lock on it");
    if let Some(program) = on_path(name) {
        return program;
    }
    let install = format!("apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y {package}");
    let fix = format!("no `{name}` on the PATH. Install it:\n    {install}");
    assert!(is_root() && Path::new("/usr/bin/apt-get").exists(), "{fix}");
    assert!(may_install(std::env::var("TOLLGATE_INSTALL").ok().as_deref()), "{fix}");
    workspace::progress(&format!(
        "installing Debian's {package} on this machine, as root, once: `apt-get install {package}`; to decline, set \
         TOLLGATE_INSTALL=no"
    ));
    let out = Command::new("sh").args(["-c", &install]).output();
    let out = out.unwrap_or_else(|e| panic!("cannot start a shell: {e}\n{fix}"));
    assert!(out.status.success(), "{}\n{fix}", String::from_utf8_lossy(&out.stderr));
    on_path(name).unwrap_or_else(|| panic!("{fix}"))
}

/// Returns whether root may install packages, by the value of `TOLLGATE_INSTALL`.
fn may_install(variable: Option<&str>) -> bool {
    variable != Some("no")
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installation_can_be_declined() {
        assert!(may_install(None) && may_install(Some("yes")));
        assert!(!may_install(Some("no")));
    }
}
