//! The machine: programs that it must have, and what it is.

use std::path::PathBuf;
use std::process::Command;
use tollgate_tests::workspace::progress;

/// A program on the PATH. Where it is missing, and this runs as root, its Debian package is installed.
///
/// # Panics
/// With the command to type, when there is none and it cannot be installed.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    if let Some(found) = on_path(name) {
        return found;
    }
    progress(&format!("installing {name}: apt-get install {package}"));
    let mut apt = Command::new("apt-get");
    apt.args(["install", "--yes", "--quiet", "--no-install-recommends", package]);
    let installed = apt.env("DEBIAN_FRONTEND", "noninteractive").output();
    let said = match installed {
        Ok(out) => String::from_utf8_lossy(&out.stderr).into_owned(),
        Err(e) => e.to_string(),
    };
    on_path(name).unwrap_or_else(|| {
        panic!("{name} is missing: {said}\ncure: `apt-get update && apt-get install {package}` as root, then again")
    })
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// What it is, in a few words: its processors, its system.
pub(crate) fn words() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("of unknown make", |(_, model)| model);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    format!("{processors} processors ({model}), load {load} at the end, {}", std::env::consts::OS)
}

/// The version of Envoy that is measured.
pub(crate) fn envoy() -> String {
    let out = Command::new(tollgate_tests::envoy::program()).arg("--version").output();
    let text = out.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
    let version = text.split("version:").nth(1).and_then(|version| version.split('/').nth(1));
    version.unwrap_or("of unknown version").to_owned()
}

/// Today's date, in UTC.
pub(crate) fn today() -> String {
    time::OffsetDateTime::now_utc().date().to_string()
}
