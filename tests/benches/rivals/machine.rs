//! The description of the machine in the report.

use std::process::Command;

/// Returns a short description: processors, load, and operating system.
pub(crate) fn description() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown model", |(_, model)| model);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    format!("{processors} processors ({model}), load {load} at the end, {}", std::env::consts::OS)
}

/// Returns the version of Envoy that is measured.
pub(crate) fn envoy() -> String {
    let out = Command::new(tollgate_tests::processes::envoy::program()).arg("--version").output();
    let text = out.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
    let version = text.split("version:").nth(1).and_then(|version| version.split('/').nth(1));
    version.unwrap_or("(unknown version)").to_owned()
}

/// Returns today's date, in UTC.
pub(crate) fn today() -> String {
    time::OffsetDateTime::now_utc().date().to_string()
}
