//! `cargo release-artifacts`: builds the artifacts of a release into one folder, with checksums, and prints
//! the checksums. `docs/releases.md` describes the files.
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic on a closed pipe.

use std::path::PathBuf;
use tollgate_tests::install::release::Release;
use tollgate_tests::install::workspace::{self, print_error_line, print_line};

const USAGE: &str = "usage: cargo release-artifacts [--out FOLDER] [--command-target TARGET] [--command-only]
  --out FOLDER             the folder, which must not exist (default: target/release-artifacts)
  --command-target TARGET  Rust's name for the platform of the command, such as x86_64-unknown-linux-musl
  --command-only           build only the command";

fn main() {
    let Some((release, out)) = parse(std::env::args().skip(1)) else {
        print_error_line(USAGE);
        std::process::exit(2);
    };
    let out = out.unwrap_or_else(|| {
        let usual = workspace::target_dir().join("release-artifacts");
        // The previous build's: nothing else goes there.
        let _ = std::fs::remove_dir_all(&usual);
        usual
    });
    print_line(release.build(&out).trim_end());
    print_line(&format!("in {}", out.display()));
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<(Release, Option<PathBuf>)> {
    let mut release = Release { command_target: None, command_only: false };
    let mut out = None;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--out" => out = Some(std::path::absolute(arguments.next()?).ok()?),
            "--command-target" => release.command_target = Some(arguments.next()?),
            "--command-only" => release.command_only = true,
            _ => return None,
        }
    }
    Some((release, out))
}
