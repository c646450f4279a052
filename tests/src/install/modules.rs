//! Builds the Wasm modules and the dynamic module as they ship, in a build directory of their own, and checks
//! the size of the Wasm modules.

use crate::install::workspace;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rust's name for the platform of an Envoy plugin.
const TARGET: &str = "wasm32-wasip1";
/// Each relocation takes the bytes it needs instead of always five, which saves a fifteenth of a module. The
/// linker refuses the option together with debug information, so it is not a flag of every build.
const COMPRESS: &str = "link-arg=--compress-relocations";
/// The maximum number of bytes that one module may have: each gateway loads it, and V8 compiles it at every
/// start.
pub const BYTES_MAX: u64 = 1_000_000;
/// The profile of the webhooks' modules.
const PROFILE: &str = "module";
/// The profile of the billing endpoints' module.
const BILLING_PROFILE: &str = "billing_module";
/// The profile of the gate's module.
const GATE_PROFILE: &str = "gate_module";
/// The profile of the dynamic module.
const NATIVE_PROFILE: &str = "native";

/// The files of the Wasm modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modules {
    /// `stripe_webhook.wasm`
    pub stripe_webhook: PathBuf,
    /// `clerk_webhook.wasm`
    pub clerk_webhook: PathBuf,
    /// `billing.wasm`
    pub billing: PathBuf,
    /// `plan_gate.wasm`
    pub plan_gate: PathBuf,
}

impl Modules {
    /// Builds all with the profile that ships, once per process. Cargo makes other processes wait.
    ///
    /// They go into `target/modules`, a build directory of their own: the one of the current build may be
    /// locked, and has other flags.
    ///
    /// # Panics
    /// If a module cannot be built, with the output of cargo or rustup, or if a module is too large.
    pub fn build() -> &'static Modules {
        static MODULES: OnceLock<Modules> = OnceLock::new();
        MODULES.get_or_init(|| {
            require_target();
            let dir = workspace::target_dir().join("modules");
            workspace::progress("building the four modules as they ship");
            let modules = Modules {
                stripe_webhook: build(&dir, PROFILE, "stripe-webhook", "stripe_webhook.wasm", &[]),
                clerk_webhook: build(&dir, PROFILE, "clerk-webhook", "clerk_webhook.wasm", &[]),
                billing: build(&dir, BILLING_PROFILE, "billing", "billing.wasm", &[]),
                plan_gate: build(&dir, GATE_PROFILE, "plan-gate", "plan_gate.wasm", &[]),
            };
            for module in modules.files() {
                require_size(module, bytes(module));
            }
            modules
        })
    }

    /// Builds the gate with the feature `rs256`, for hosts that do not verify signatures.
    ///
    /// # Panics
    /// If it cannot be built, with the output of cargo or rustup.
    pub fn gate_with_rs256() -> PathBuf {
        require_target();
        workspace::progress("building the gate that checks signatures itself");
        let dir = workspace::target_dir().join("modules/rs256");
        build(&dir, GATE_PROFILE, "plan-gate", "plan_gate.wasm", &["rs256"])
    }

    /// Builds the dynamic module, once per process.
    ///
    /// # Panics
    /// If it cannot be built, with the output of cargo.
    pub fn native() -> &'static Path {
        static MODULE: OnceLock<PathBuf> = OnceLock::new();
        MODULE.get_or_init(|| {
            workspace::progress("building the dynamic module");
            let module = workspace::target_dir().join("modules/libtollgate.so");
            build_native(&module, NATIVE_PROFILE, NATIVE_PROFILE, "");
            module
        })
    }

    /// Builds, without optimization, the dynamic module whose requests panic on demand (feature
    /// `test_panic`).
    ///
    /// # Panics
    /// If it cannot be built, with the output of cargo.
    pub fn native_that_panics() -> PathBuf {
        workspace::progress("building the dynamic module that panics on demand");
        let module = workspace::target_dir().join("modules/libtollgate_test_panic.so");
        build_native(&module, "dev", "debug", "test_panic");
        module
    }

    /// Returns the size of all files together.
    pub fn bytes(&self) -> u64 {
        self.files().map(bytes).iter().sum()
    }

    /// Returns all files, in the order of the filters.
    pub fn files(&self) -> [&Path; 4] {
        [&self.stripe_webhook, &self.clerk_webhook, &self.billing, &self.plan_gate].map(PathBuf::as_path)
    }

    /// Returns the file of a filter, by the filter's name.
    pub fn of_filter(&self, filter: &str) -> Option<&Path> {
        match filter {
            "stripe_webhook" => Some(&self.stripe_webhook),
            "clerk_webhook" => Some(&self.clerk_webhook),
            "billing" => Some(&self.billing),
            "plan_gate" => Some(&self.plan_gate),
            _ => None,
        }
    }
}

/// Whether the builds print what cargo prints.
static SHOWS_BUILDS: AtomicBool = AtomicBool::new(false);

/// Makes the builds print what cargo prints, because they take minutes.
pub fn show_builds() {
    SHOWS_BUILDS.store(true, Ordering::Relaxed);
}

/// Runs a build. If builds are shown, each line of cargo is passed on, because cargo itself fails if nobody reads what it
/// prints.
fn run_build(cargo: &mut Command) {
    if !SHOWS_BUILDS.load(Ordering::Relaxed) {
        run(cargo, "see the compiler's messages above");
        return;
    }
    let started = cargo.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut started = started.unwrap_or_else(|e| panic!("{cargo:?} did not start: {e}"));
    let lines = started.stderr.take().into_iter().flat_map(|output| BufReader::new(output).lines());
    lines.map_while(Result::ok).for_each(|line| workspace::print_error_line(&line));
    let status = started.wait().unwrap_or_else(|e| panic!("{cargo:?} did not end: {e}"));
    assert!(status.success(), "`{cargo:?}` ended with {status}: see the messages above");
}

/// Builds a module with a profile below `dir`, and returns the path of its copy there.
fn build(dir: &Path, profile: &str, package: &str, file: &str, features: &[&str]) -> PathBuf {
    let mut cargo = inner_cargo();
    cargo.args([
        "rustc",
        "--lib",
        "--crate-type",
        "cdylib",
        "--locked",
        "--profile",
        profile,
        "--target",
        TARGET,
    ]);
    cargo.args(["-p", package, "--features", &features.join(","), "--target-dir"]).arg(dir);
    // Panic messages contain source paths, and those of dependencies are below a developer's home directory.
    // `--config` adds to the flags of .cargo/config.toml, while the environment would replace them.
    let remap = format!("--remap-path-prefix={}=cargo", cargo_home().display());
    cargo.args(["--config", &format!("target.{TARGET}.rustflags=[{remap:?}, \"-C\", {COMPRESS:?}]")]);
    run_build(&mut cargo);
    let module = dir.join(file);
    replace(&dir.join(TARGET).join(profile).join(file), &module)
        .unwrap_or_else(|e| panic!("cannot make {}: {e}", module.display()));
    module
}

/// Builds the dynamic module with a profile, whose builds cargo puts into `folder`, and copies it to
/// `module`.
fn build_native(module: &Path, profile: &str, folder: &str, features: &str) {
    let dir = workspace::target_dir().join("modules");
    let mut cargo = inner_cargo();
    cargo.args(["rustc", "--lib", "--crate-type", "cdylib", "--locked", "--profile", profile]);
    cargo.args(["-p", "tollgate-host-native", "--features", features, "--target-dir"]).arg(&dir);
    let remap = format!("--remap-path-prefix={}=cargo", cargo_home().display());
    cargo.args(["--config", &format!("build.rustflags=[{remap:?}]")]);
    run_build(&mut cargo);
    replace(&dir.join(folder).join("libtollgate_host_native.so"), module)
        .unwrap_or_else(|e| panic!("cannot make {}: {e}", module.display()));
}

/// Replaces a file atomically if its content has changed: an Envoy of another process may be reading it.
fn replace(built: &Path, module: &Path) -> std::io::Result<()> {
    let new = std::fs::read(built)?;
    if std::fs::read(module).is_ok_and(|old| old == new) {
        return Ok(());
    }
    let staged = module.with_extension(format!("new.{}", std::process::id()));
    std::fs::write(&staged, new)?;
    std::fs::rename(&staged, module)
}

/// Returns the directory in which cargo keeps the sources of dependencies.
///
/// # Panics
/// If neither `CARGO_HOME` nor the home directory is known.
pub fn cargo_home() -> PathBuf {
    let given = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let usual = || std::env::home_dir().map(|home| home.join(".cargo"));
    given.or_else(usual).expect("a home directory: set HOME or CARGO_HOME")
}

/// Returns the size of a file.
///
/// # Panics
/// If it does not exist.
pub fn bytes(file: &Path) -> u64 {
    std::fs::metadata(file).unwrap_or_else(|e| panic!("{} was not built: {e}", file.display())).len()
}

fn require_size(module: &Path, bytes: u64) {
    assert!(
        bytes <= BYTES_MAX,
        "{} has {bytes} bytes, more than the {BYTES_MAX} allowed: look for new dependencies, formatted floats and \
         generics with many instances (`twiggy top` shows what takes space)",
        module.display()
    );
}

/// Adds the target to the toolchain if it is missing: a `targets` line in rust-toolchain.toml alone does not.
fn require_target() {
    let mut rustc = inner_command("rustc".as_ref());
    let out = run(rustc.args(["--print", "target-libdir", "--target", TARGET]), "install Rust by rustup");
    if Path::new(String::from_utf8_lossy(&out.stdout).trim()).is_dir() {
        return;
    }
    workspace::progress(&format!("adding the target {TARGET} to the Rust toolchain"));
    let fix = format!("add the target by hand: `rustup target add {TARGET}`");
    run(inner_command("rustup".as_ref()).args(["target", "add", TARGET]), &fix);
}

/// Returns cargo as a command in the repository's root, for a build of its own: the cargo that runs this program, if one
/// does.
pub fn inner_cargo() -> Command {
    inner_command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).as_ref())
}

/// Returns a command in the repository's root, without the variables that an outer cargo (`cargo test`,
/// `cargo llvm-cov`, a build script) sets for its own build: flags, wrappers, profiles, and the description
/// of a package.
pub fn inner_command(program: &std::ffi::OsStr) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_outer_build) {
            command.env_remove(&name);
        }
    }
    command
}

fn is_of_outer_build(variable: &str) -> bool {
    const KEPT: [&str; 6] =
        ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_TERM_"];
    const REMOVED: [&str; 7] = [
        "CARGO_",
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "LLVM_PROFILE_FILE",
        "MAKEFLAGS",
        "OUT_DIR",
    ];
    REMOVED.iter().any(|prefix| variable.starts_with(prefix))
        && !KEPT.iter().any(|prefix| variable.starts_with(prefix))
}

/// Runs a command and waits for its end.
///
/// # Panics
/// If it cannot be started or fails, with the command, its output, and the fix.
pub(crate) fn run(command: &mut Command, fix: &str) -> Output {
    let out = command
        .output()
        .unwrap_or_else(|e| panic!("{:?} did not start: {e}\nfix: {fix}", command.get_program()));
    assert!(
        out.status.success(),
        "`{command:?}` ended with {}\n{}\nfix: {fix}",
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_outer_build_are_removed() {
        let cases = [
            ("flags such as coverage's would be compiled in", "CARGO_ENCODED_RUSTFLAGS", true),
            ("the same", "RUSTFLAGS", true),
            ("clippy's driver is not a compiler", "RUSTC_WORKSPACE_WRAPPER", true),
            ("the profile is the shipped one", "CARGO_PROFILE_RELEASE_LTO", true),
            ("the target directory is given", "CARGO_TARGET_DIR", true),
            ("the directory of crates is kept", "CARGO_HOME", false),
            ("the settings for fetching crates are kept", "CARGO_NET_OFFLINE", false),
            ("the same", "CARGO_REGISTRIES_CRATES_IO_PROTOCOL", false),
            ("the toolchain is kept", "RUSTUP_TOOLCHAIN", false),
        ];
        for (why, variable, removed) in cases {
            assert_eq!(is_of_outer_build(variable), removed, "{why}");
        }
    }

    #[test]
    #[should_panic(expected = "gate.wasm has 1000001 bytes")]
    fn a_module_over_its_size_is_a_failure() {
        require_size(Path::new("gate.wasm"), BYTES_MAX);
        require_size(Path::new("gate.wasm"), BYTES_MAX + 1);
    }
}
