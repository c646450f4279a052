//! The artifacts of a release: built from the current commit, in one folder, with checksums. The same commit
//! gives the same bytes on every machine of one kind (`docs/releases.md`).

pub mod bill_of_materials;

use crate::install::modules::{Modules, cargo_home, inner_cargo, inner_command, run};
use crate::install::workspace;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checksums of all other files.
pub const CHECKSUMS: &str = "SHA256SUMS";
/// The name of the command's file in an archive.
const COMMAND: &str = "tollgate";

/// The files of the repository that an archive contains, each with its path there.
pub const TEXTS: [(&str, &str); 6] = [
    ("envoy/standalone.yaml", "standalone.yaml"),
    ("envoy/standalone-native.yaml", "standalone-native.yaml"),
    ("envoy/tollgate.schema.json", "tollgate.schema.json"),
    ("envoy/secrets/stripe_api_key.yaml.example", "secrets/stripe_api_key.yaml.example"),
    ("envoy/secrets/clerk_secret_key.yaml.example", "secrets/clerk_secret_key.yaml.example"),
    ("LICENSE", "LICENSE"),
];

/// What to build.
#[derive(Debug)]
pub struct Release {
    /// Rust's name for the platform of the command, if it is not that of this machine.
    pub command_target: Option<String>,
    /// Whether only the command is built: for platforms whose modules another machine builds.
    pub command_only: bool,
}

/// The names of the artifacts that are for one platform.
struct PlatformNames {
    command: String,
    /// The folder in the archive, whose name with `.tar.gz` is that of the archive.
    folder: String,
    bill_of_materials: String,
}

/// Returns the name of an archive without `.tar.gz`, which is also the name of the folder in it.
pub fn archive_name(target: &str) -> String {
    format!("tollgate-{}-{target}", env!("CARGO_PKG_VERSION"))
}

impl Release {
    /// Builds all artifacts into `out`, and returns the text of [`CHECKSUMS`].
    ///
    /// # Panics
    /// If `out` exists, if something cannot be built, or if a file cannot be written.
    pub fn build(&self, out: &Path) -> String {
        fs::create_dir(out).unwrap_or_else(|e| panic!("cannot create {}: {e}", out.display()));
        let names = self.names(&host_target());
        let command = self.command();
        copy(&command, &out.join(names.command));
        if !self.command_only {
            let mut files: Vec<PathBuf> = Modules::build().files().map(Path::to_path_buf).to_vec();
            for module in &files {
                copy(module, &out.join(module.file_name().expect("a file")));
            }
            files.push(Modules::native().to_path_buf());
            files.push(command);
            self::archive(out, &names.folder, &files);
            let bill = bill_of_materials::of_release();
            write(&out.join(names.bill_of_materials), &format!("{bill:#}\n"));
        }
        let sums = checksums(out);
        write(&out.join(CHECKSUMS), &sums);
        sums
    }

    /// Returns the names for a machine. The archive is for the machine's own platform, as the native build
    /// in it is, also if its command is static.
    fn names(&self, host: &str) -> PlatformNames {
        PlatformNames {
            command: format!("{COMMAND}-{}", self.command_target.as_deref().unwrap_or(host)),
            folder: archive_name(host),
            bill_of_materials: format!("sbom-{host}.cdx.json"),
        }
    }

    /// Builds the command, with the commit in its version.
    fn command(&self) -> PathBuf {
        workspace::progress("building the tollgate command");
        let dir = workspace::target_dir().join("modules");
        let mut cargo = inner_cargo();
        cargo.args(["build", "--locked", "--release", "-p", "tollgate-ctl", "--bin", COMMAND]);
        cargo.args(["--config", "profile.release.strip=true", "--target-dir"]).arg(&dir);
        let remap = format!("--remap-path-prefix={}=cargo", cargo_home().display());
        cargo.args(["--config", &format!("build.rustflags=[{remap:?}]")]);
        cargo.env("TOLLGATE_COMMIT", commit());
        let folder = match &self.command_target {
            Some(target) => {
                cargo.args(["--target", target]);
                dir.join(target)
            }
            None => dir,
        };
        run(&mut cargo, "see the compiler's messages above");
        folder.join("release").join(COMMAND)
    }
}

/// Returns the commit that is built, with `-modified` if a file of the commit was changed.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let mut git = inner_command("git".as_ref());
        let out = run(git.args(arguments), "build a release in a clone of the repository");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    };
    let modified = !git(&["status", "--porcelain", "--untracked-files=no"]).is_empty();
    let commit = git(&["rev-parse", "HEAD"]);
    if modified { format!("{commit}-modified") } else { commit }
}

/// Returns Rust's name for the platform of this machine.
pub fn host_target() -> String {
    let out = run(inner_command("rustc".as_ref()).arg("-vV"), "install Rust by rustup");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

/// Lays out the folder of an archive below `folder`.
pub fn lay_out(folder: &Path, binaries: &[PathBuf]) {
    for binary in binaries {
        copy(binary, &folder.join(binary.file_name().expect("a file")));
    }
    for (source, name) in TEXTS {
        copy(&workspace::file(source), &folder.join(name));
    }
}

/// Makes the archive of a folder with this name. Its bytes depend on the files alone: names are sorted, and
/// times and owners are fixed.
fn archive(out: &Path, name: &str, binaries: &[PathBuf]) {
    let folder = tempfile::tempdir().expect("a directory");
    lay_out(&folder.path().join(name), binaries);
    let tar = out.join(format!("{name}.tar"));
    let mut command = Command::new("tar");
    command.args([
        "--sort=name",
        "--format=ustar",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
    ]);
    command.args(["--mode=u=rwX,go=rX", "-C"]).arg(folder.path()).arg("-cf").arg(&tar).arg(name);
    run(&mut command, "install GNU tar");
    run(Command::new("gzip").args(["-n", "-9"]).arg(&tar), "install gzip");
}

/// Returns a line for each file in a folder, as `sha256sum` prints it.
fn checksums(folder: &Path) -> String {
    let listed = fs::read_dir(folder).unwrap_or_else(|e| panic!("cannot list {}: {e}", folder.display()));
    let mut names: Vec<_> = listed.map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort_unstable();
    let line = |name: &std::ffi::OsString| {
        let bytes = fs::read(folder.join(name)).expect("a file that was just written");
        format!("{}  {}\n", hex::encode(Sha256::digest(bytes)), name.to_string_lossy())
    };
    names.iter().map(line).collect()
}

fn copy(source: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
    fs::copy(source, to)
        .unwrap_or_else(|e| panic!("cannot copy {} to {}: {e}", source.display(), to.display()));
}

fn write(file: &Path, text: &str) {
    fs::write(file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_of_the_same_files_has_the_same_bytes() {
        let dir = tempfile::tempdir().expect("a directory");
        let module = dir.path().join("plan_gate.wasm");
        let sums = ["first", "second"].map(|out| {
            let out = dir.path().join(out);
            fs::create_dir(&out).expect("a directory");
            // A new file has another time.
            write(&module, "module");
            archive(&out, "a-folder", std::slice::from_ref(&module));
            checksums(&out)
        });
        assert_eq!(sums[0], sums[1]);
        assert!(sums[0].ends_with("  a-folder.tar.gz\n"), "{}", sums[0]);
    }

    /// The release workflow builds a static command. Its archive is the one that the pages name.
    #[test]
    fn the_files_of_a_release_have_the_names_on_the_pages() {
        let command_target = Some("x86_64-unknown-linux-musl".to_owned());
        let names = Release { command_target, command_only: false }.names("x86_64-unknown-linux-gnu");
        let archive = format!("{}.tar.gz", names.folder);
        for (page, file) in [
            ("README.md", &archive),
            ("docs/releases.md", &archive),
            ("docs/releases.md", &names.command),
            ("docs/releases.md", &names.bill_of_materials),
        ] {
            assert!(workspace::text(page).contains(file), "{page} does not name {file}");
        }
    }

    #[test]
    fn checksums_are_those_of_sha256sum() {
        let dir = tempfile::tempdir().expect("a directory");
        write(&dir.path().join("b"), "");
        write(&dir.path().join("a"), "a");
        let sums = checksums(dir.path());
        let mut lines = sums.lines();
        assert_eq!(lines.next(), Some("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a"));
        assert_eq!(lines.next(), Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b"));
    }
}
