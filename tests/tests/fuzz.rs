//! Runs each fuzz target for some seconds, starting from its seeds, if cargo is called with `--ignored`.
//! `cargo fuzz run` (fuzz/Cargo.toml) runs one for longer. `cargo test` checks the same properties with
//! random inputs (tests/properties).

use std::path::{Path, PathBuf};
use std::process::Command;
use tollgate_tests::install::modules::inner_cargo;
use tollgate_tests::install::workspace;

/// The duration of each target's run.
const EACH_S: u32 = 4;

/// The compiler flags that libFuzzer needs, as cargo-fuzz sets them. Without the address sanitizer, which
/// needs a nightly compiler: `core` has no unsafe code.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
                        --cfg fuzzing -Ccodegen-units=1";

/// Returns the names of the targets.
fn targets() -> Vec<String> {
    let files = std::fs::read_dir(workspace::file("fuzz/fuzz_targets")).expect("targets");
    let name = |file: PathBuf| file.file_stem().map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = files.filter_map(|file| name(file.ok()?.path())).collect();
    names.sort();
    names
}

/// Builds all targets and returns their directory.
fn build() -> PathBuf {
    workspace::progress("building the fuzz targets");
    let dir = workspace::target_dir().join("fuzz");
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output().expect("rustc");
    let host = String::from_utf8_lossy(&host.stdout).trim().to_owned();
    let mut cargo = inner_cargo();
    // With `--target`, build scripts are built without these flags.
    cargo.args(["build", "--locked", "--release", "--target", &host]).env("RUSTFLAGS", COVERAGE);
    cargo.arg("--manifest-path").arg(workspace::file("fuzz/Cargo.toml")).arg("--target-dir").arg(&dir);
    let out = cargo.output().expect("cargo");
    let fix = "libFuzzer is built from C++ sources: if `c++` is missing, install it (Debian: `apt-get install g++`)";
    assert!(out.status.success(), "{}\n{fix}", String::from_utf8_lossy(&out.stderr));
    dir.join(host).join("release")
}

/// Runs one target on a copy of its seeds, to which libFuzzer adds new inputs.
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
    let output = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() {
        return Err(output.into_owned());
    }
    let executed = output.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units: "));
    match executed.and_then(|number| number.trim().parse::<u64>().ok()) {
        Some(executed) if executed > 1_000 => Ok(()),
        executed => Err(format!("{executed:?} inputs were tried\n{output}")),
    }
}

#[test]
fn every_target_has_seeds() {
    let targets = targets();
    assert!(targets.len() >= 10, "{targets:?}");
    for target in targets {
        let seeds = workspace::file("fuzz/seeds").join(&target);
        let found = std::fs::read_dir(&seeds).map_or(0, |seeds| seeds.count());
        assert!(found > 0, "{target} has no seeds in {}", seeds.display());
    }
}

#[test]
#[ignore = "takes three minutes: cargo test -p tollgate-tests --test fuzz -- --ignored"]
fn no_target_finds_anything_in_some_seconds() {
    let programs = build();
    for target in targets() {
        let seeds = workspace::file("fuzz/seeds").join(&target);
        run(&programs.join(&target), &seeds).unwrap_or_else(|why| panic!("{target}: {why}"));
    }
}
