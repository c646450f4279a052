//! What the built command prints to a reader that is gone, to a full disk, and without a terminal.

#![allow(clippy::unwrap_used)] // A test.

use std::fs::OpenOptions;
use std::process::{Command, Output, Stdio};

fn tollgate(arguments: &[&str], stdout: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(arguments).stdin(Stdio::null()).stdout(stdout).output().unwrap()
}

#[test]
fn a_reader_that_is_gone_causes_no_panic() {
    let file = format!("{}/../../envoy/standalone.yaml", env!("CARGO_MANIFEST_DIR"));
    for arguments in [&["schema"][..], &["check", &file], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = tollgate(arguments, writer.into());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!errors.contains("panicked"), "{errors}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    }
}

#[test]
fn an_incomplete_output_is_an_error() {
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else { return };
    let output = tollgate(&["schema"], full.into());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.starts_with("error: standard output cannot be written"), "{errors}");
    assert_eq!(output.status.code(), Some(1), "{errors}");
}
