//! Each fuzz target for some seconds, from its seeds on. `cargo fuzz run` (fuzz/Cargo.toml) is the long form.

use std::path::{Path, PathBuf};
use std::process::Command;
use tollgate_tests::install::modules::inner_command;
use tollgate_tests::install::workspace;

/// How long each target runs.
const EACH_S: u32 = 4;

/// What libFuzzer needs the compiler to add, as cargo-fuzz has it. Without the address sanitizer, which needs
/// a nightly compiler: `core` has no unsafe code.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
                        --cfg fuzzing -Ccodegen-units=1";

/// The targets, by name.
fn targets() -> Vec<String> {
    let files = std::fs::read_dir(workspace::file("fuzz/fuzz_targets")).expect("targets");
    let name = |file: PathBuf| file.file_stem().map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = files.filter_map(|file| name(file.ok()?.path())).collect();
    names.sort();
    names
}

/// Builds them all, and returns where they are.
fn build() -> PathBuf {
    workspace::progress("building the fuzz targets");
    let dir = workspace::target_dir().join("fuzz");
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output().expect("rustc");
    let host = String::from_utf8_lossy(&host.stdout).trim().to_owned();
    let mut cargo = inner_command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).as_ref());
    // A target of its own, or build scripts would be built with all of this.
    cargo.args(["build", "--locked", "--release", "--target", &host]).env("RUSTFLAGS", COVERAGE);
    cargo.arg("--manifest-path").arg(workspace::file("fuzz/Cargo.toml")).arg("--target-dir").arg(&dir);
    let out = cargo.output().expect("cargo");
    let cure = "libFuzzer is built of its C++ sources: where `c++` is missing, install it (Debian: `apt-get install g++`)";
    assert!(out.status.success(), "{}\n{cure}", String::from_utf8_lossy(&out.stderr));
    dir.join(host).join("release")
}

/// Runs one on a copy of its seeds, to which libFuzzer adds what leads further.
fn run(program: &Path, seeds: &Path) -> Result<(), String> {
    let dir = tempfile::tempdir().expect("a directory");
    let mut fuzzer = Command::new(program);
    fuzzer.arg(dir.path()).arg(seeds).current_dir(dir.path());
    fuzzer.args([
        &format!("-max_total_time={EACH_S}"),
        "-timeout=5",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
    ]);
    let out = fuzzer.output().map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() {
        return Err(said.into_owned());
    }
    let executed = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units: "));
    match executed.and_then(|number| number.trim().parse::<u64>().ok()) {
        Some(executed) if executed > 1_000 => Ok(()),
        executed => Err(format!("{executed:?} inputs were tried\n{said}")),
    }
}

#[test]
fn no_target_finds_anything_in_some_seconds() {
    let (programs, targets) = (build(), targets());
    assert!(targets.len() >= 10, "{targets:?}");
    for target in targets {
        let seeds = workspace::file("fuzz/seeds").join(&target);
        let found = std::fs::read_dir(&seeds).map_or(0, |seeds| seeds.count());
        assert!(found > 0, "{target} has no seeds in {}", seeds.display());
        run(&programs.join(&target), &seeds).unwrap_or_else(|why| panic!("{target}: {why}"));
    }
}
