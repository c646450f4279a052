//! Rules for every Rust file of the repository that a program can check.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use tollgate_tests::install::workspace;

/// The directories of the packages.
const PACKAGES: [&str; 12] = [
    "filter/billing",
    "filter/clerk-webhook",
    "filter/core",
    "filter/ctl",
    "filter/driver",
    "filter/host-native",
    "filter/host-proxy-wasm",
    "filter/plan-gate",
    "filter/stripe-webhook",
    "tests",
    "tests/fixtures",
    "tests/properties",
];

/// The maximum length of the name of a test function. A longer one belongs into a comment.
const TEST_NAME_BYTES_MAX: usize = 70;

/// A crate: its name, and all its files.
struct SourceCrate {
    name: String,
    files: Vec<PathBuf>,
}

#[test]
fn every_package_is_known() {
    let manifest = workspace::text("Cargo.toml");
    for package in PACKAGES {
        assert!(manifest.contains(&format!("\"{package}\"")), "{package} is not a member of the workspace");
    }
    let members = manifest.lines().find(|line| line.starts_with("members")).unwrap_or_default();
    assert_eq!(members.matches('"').count(), 2 * PACKAGES.len(), "members that PACKAGES lacks: {members}");
}

/// Cargo passes the arguments after an alias to the program only if the alias ends with `--` and options of the program.
#[test]
fn each_command_of_cargo_gets_its_arguments() {
    let config = workspace::text(".cargo/config.toml");
    let commands: Vec<&str> = config.lines().filter(|line| line.contains("= \"run ")).collect();
    assert!(commands.len() > 5, "{commands:?}");
    for command in commands {
        assert!(command.contains(" -- ") || command.ends_with(" --\""), "{command}");
    }
}

#[test]
fn no_two_types_of_a_crate_share_a_name() {
    let mut shared = Vec::new();
    for SourceCrate { name, files } in crates() {
        let mut types = BTreeMap::<String, Vec<String>>::new();
        for file in &files {
            let mut found = TypeNames::default();
            found.visit_file(&parsed(file));
            for type_name in found.0 {
                types.entry(type_name).or_default().push(shown(file));
            }
        }
        types.retain(|_, files| files.len() > 1);
        shared.extend(
            types.into_iter().map(|(type_name, files)| format!("{name}: {type_name}: {}", files.join(", "))),
        );
    }
    assert!(shared.is_empty(), "types that share a name:\n{}", shared.join("\n"));
}

#[test]
fn every_file_starts_with_its_purpose() {
    let all = crates().into_iter().flat_map(|source| source.files);
    let without: Vec<_> =
        all.filter(|file| !text(file).starts_with("//! ")).map(|file| shown(&file)).collect();
    assert!(without.is_empty(), "files that do not begin with //!:\n{}", without.join("\n"));
}

/// CONTRIBUTING.md states the maximum.
#[test]
fn no_file_has_more_than_500_lines() {
    let long: Vec<_> =
        files().filter(|file| text(file).lines().count() > 500).map(|file| shown(&file)).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn no_module_has_a_path_attribute() {
    let moved: Vec<_> = files().filter(|file| has_path_attribute(file)).map(|file| shown(&file)).collect();
    assert!(moved.is_empty(), "files with #[path]:\n{}", moved.join("\n"));
}

#[test]
fn names_of_tests_are_short() {
    let mut long = Vec::new();
    for file in files() {
        let mut found = TestNames::default();
        found.visit_file(&parsed(&file));
        let too_long = found.0.into_iter().filter(|name| name.len() > TEST_NAME_BYTES_MAX);
        long.extend(too_long.map(|name| format!("{}: {name}", shown(&file))));
    }
    assert!(long.is_empty(), "names of tests over {TEST_NAME_BYTES_MAX} characters:\n{}", long.join("\n"));
}

/// The names of all structs, enums, unions, traits, and type aliases, except those inside of a function.
#[derive(Default)]
struct TypeNames(Vec<String>);

impl<'ast> Visit<'ast> for TypeNames {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let name = match item {
            syn::Item::Struct(item) => Some(&item.ident),
            syn::Item::Enum(item) => Some(&item.ident),
            syn::Item::Union(item) => Some(&item.ident),
            syn::Item::Trait(item) => Some(&item.ident),
            syn::Item::Type(item) => Some(&item.ident),
            _ => None,
        };
        self.0.extend(name.map(ToString::to_string));
        visit::visit_item(self, item);
    }

    fn visit_block(&mut self, _: &'ast syn::Block) {}
}

/// The names of all functions with the attribute `test` of any framework, and of all functions in
/// `proptest!`.
#[derive(Default)]
struct TestNames(Vec<String>);

impl<'ast> Visit<'ast> for TestNames {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
        };
        if function.attrs.iter().any(is_test) {
            self.0.push(function.sig.ident.to_string());
        }
        visit::visit_item_fn(self, function);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        if invocation.path.segments.last().is_some_and(|segment| segment.ident == "proptest") {
            let tokens = invocation.tokens.clone().into_iter().map(|token| token.to_string());
            let tokens: Vec<String> = tokens.collect();
            let names = tokens.windows(2).filter(|pair| pair[0] == "fn").map(|pair| pair[1].clone());
            self.0.extend(names);
        }
    }
}

#[test]
fn the_names_of_tests_are_found_in_proptest_too() {
    let mut found = TestNames::default();
    let source =
        "#[test] fn a() {}  fn not_a_test() {}  proptest! { #[test] fn b(x in 0..3) { fn inner() {} } }";
    found.visit_file(&syn::parse_file(source).expect("Rust"));
    assert_eq!(found.0, ["a", "b"]);
}

fn has_path_attribute(file: &Path) -> bool {
    text(file).lines().any(|line| line.trim_start().starts_with("#[path"))
}

/// Returns the library or program of each package, and each of its integration tests and benchmarks.
fn crates() -> Vec<SourceCrate> {
    let mut crates = Vec::new();
    for package in PACKAGES {
        let dir = workspace::file(package);
        crates.push(SourceCrate { name: package.to_owned(), files: rust_files(&dir.join("src")) });
        for part in ["tests", "benches"] {
            for entry in entries(&dir.join(part)) {
                let name = format!("{package}/{part}/{}", entry.file_stem().unwrap_or_default().display());
                crates.push(SourceCrate { name, files: rust_files(&entry) });
            }
        }
    }
    crates.retain(|source| !source.files.is_empty());
    crates
}

/// Returns the files of all crates.
fn files() -> impl Iterator<Item = PathBuf> {
    crates().into_iter().flat_map(|source| source.files)
}

/// Returns the Rust files at or below a path.
fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        entries(path).iter().flat_map(|entry| rust_files(entry)).collect()
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        vec![path.to_owned()]
    } else {
        Vec::new()
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut entries: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    entries
}

fn parsed(file: &Path) -> syn::File {
    syn::parse_file(&text(file)).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn shown(file: &Path) -> String {
    file.strip_prefix(workspace::root()).unwrap_or(file).display().to_string()
}
