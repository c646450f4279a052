//! The bill of materials of a release: every crate that is compiled into an artifact, with its license and
//! the checksum of its source, in the format CycloneDX 1.5 (<https://cyclonedx.org/docs/1.5/json/>).

use crate::install::modules::{inner_cargo, run};
use crate::install::workspace;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The artifacts, each with its package and Rust's name for its platform; `None` is this machine's.
const ARTIFACTS: [(&str, &str, Option<&str>); 6] = [
    ("stripe_webhook.wasm", "stripe-webhook", Some("wasm32-wasip1")),
    ("clerk_webhook.wasm", "clerk-webhook", Some("wasm32-wasip1")),
    ("billing.wasm", "billing", Some("wasm32-wasip1")),
    ("plan_gate.wasm", "plan-gate", Some("wasm32-wasip1")),
    ("libtollgate.so", "tollgate-host-native", None),
    ("tollgate", "tollgate-ctl", None),
];

/// A crate of the registry: name and version.
type CrateId = (String, String);

/// The license of a crate, and the artifacts that contain it.
#[derive(Default)]
struct Component {
    license: String,
    artifacts: BTreeSet<&'static str>,
}

/// Returns the bill of materials of all artifacts.
///
/// # Panics
/// If cargo cannot list the dependencies.
pub fn of_release() -> Value {
    let mut components: BTreeMap<CrateId, Component> = BTreeMap::new();
    for (artifact, package, target) in ARTIFACTS {
        for (id, license) in compiled_crates(package, target) {
            let component = components.entry(id).or_default();
            component.license = license;
            component.artifacts.insert(artifact);
        }
    }
    let checksums = checksums(&workspace::text("Cargo.lock"));
    let components = components.iter().filter_map(|(id, component)| {
        // Tollgate's own crates have no checksum: they are the product.
        Some(described(id, component, checksums.get(id)?))
    });
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "application",
            "name": "tollgate",
            "version": env!("CARGO_PKG_VERSION"),
            "licenses": [{"expression": env!("CARGO_PKG_LICENSE")}],
        }},
        "components": components.collect::<Vec<_>>(),
    })
}

fn described((name, version): &CrateId, component: &Component, sha256: &str) -> Value {
    let artifacts =
        component.artifacts.iter().map(|name| json!({"name": "tollgate:artifact", "value": name}));
    json!({
        "type": "library",
        "name": name,
        "version": version,
        "purl": format!("pkg:cargo/{name}@{version}"),
        "hashes": [{"alg": "SHA-256", "content": sha256}],
        "licenses": [{"expression": component.license}],
        "properties": artifacts.collect::<Vec<_>>(),
    })
}

/// Returns the crates that are compiled into a package, each with its license.
fn compiled_crates(package: &str, target: Option<&str>) -> Vec<(CrateId, String)> {
    let mut cargo = inner_cargo();
    // Also if a variable asks for colors.
    cargo.args(["--color", "never"]);
    cargo.args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--package", package]);
    cargo.args(["--format", "{p}|{l}"]);
    cargo.args(target.into_iter().flat_map(|target| ["--target", target]));
    let out = run(&mut cargo, "see cargo's message above");
    String::from_utf8_lossy(&out.stdout).lines().filter_map(compiled_crate).collect()
}

/// Parses a line of `cargo tree`: `serde v1.0.229 (proc-macro)|MIT OR Apache-2.0`.
fn compiled_crate(line: &str) -> Option<(CrateId, String)> {
    let (package, license) = line.split_once('|')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    // `/` is an older way to write OR. A line that repeats an earlier one ends with a mark.
    let license = license.trim_end_matches("(*)").trim();
    let license = license.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ");
    Some(((name.to_owned(), version.to_owned()), license))
}

/// Returns the checksum of each crate of the registry, from the text of a lock file.
fn checksums(lock: &str) -> BTreeMap<CrateId, String> {
    let field = |package: &str, name: &str| {
        let line =
            package.lines().find_map(|line| line.strip_prefix(&format!("{name} = \""))?.strip_suffix('"'));
        line.map(str::to_owned)
    };
    let packages = lock.split("[[package]]");
    let checksum =
        |package| Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?));
    packages.filter_map(checksum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_cargo_tree_is_parsed() {
        let id = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        let cases = [
            ("serde v1.0.229|MIT OR Apache-2.0", "serde", "1.0.229", "MIT OR Apache-2.0"),
            (
                "serde_derive v1.0.229 (proc-macro)|MIT/Apache-2.0 (*)",
                "serde_derive",
                "1.0.229",
                "MIT OR Apache-2.0",
            ),
        ];
        for (line, name, version, license) in cases {
            assert_eq!(compiled_crate(line), Some((id(name, version), license.to_owned())), "{line}");
        }
        assert_eq!(compiled_crate(""), None);
    }

    #[test]
    fn every_crate_has_a_license_and_a_checksum() {
        let bill = of_release();
        let components = bill["components"].as_array().expect("a list");
        assert!(components.len() > 40, "only {}", components.len());
        for component in components {
            let sha256 = component["hashes"][0]["content"].as_str().unwrap_or_default();
            assert_eq!(sha256.len(), 64, "{component}");
            assert_ne!(component["licenses"][0]["expression"], "", "{component}");
        }
        let gate = components.iter().filter(|component| {
            component["properties"].as_array().expect("a list").iter().any(|p| p["value"] == "plan_gate.wasm")
        });
        let names: Vec<_> = gate.map(|component| component["name"].as_str().expect("a name")).collect();
        assert!(names.contains(&"serde_json") && !names.contains(&"ureq"), "{names:?}");
    }
}
