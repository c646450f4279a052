//! `tollgate secret` writes files that Envoy accepts, and shows no key.
#![allow(clippy::unwrap_used)] // A test.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn tollgate(directory: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.current_dir(directory).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A wrong name ends the command before it reads.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn the_file_is_one_that_the_check_accepts() {
    let directory = tempfile::tempdir().unwrap();
    for key in ["rk_live_Secret1\n", "sk_live_Secret2"] {
        let output = tollgate(directory.path(), &["secret", "stripe_api_key"], key);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "./stripe_api_key.yaml: written\n");
    }
    let text = std::fs::read_to_string(directory.path().join("stripe_api_key.yaml")).unwrap();
    assert!(text.contains("sk_live_Secret2") && !text.contains("Secret1"), "the newer key");
    let checked = tollgate(directory.path(), &["check", "--strict", "stripe_api_key.yaml"], "");
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    tollgate(directory.path(), &["secret", "clerk_secret_key"], "sk_live_1");
    let mode =
        std::fs::metadata(directory.path().join("clerk_secret_key.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_no_key_is_refused_and_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    for (name, input) in [
        ("stripe_api_key", ""),
        ("stripe_api_key", "Secret1"),
        ("stripe_api_key", "Bearer sk_live_Secret1"),
        ("stripe_api_key", "whsec_Secret1"),
        ("stripe_api_key", "pk_live_Secret1"),
        ("stripe_api_key", "sk_live_Secret1 sk_live_Secret2"),
        ("stripe_api_key", "sk_test_REPLACE_ME"),
        ("stripe_api_key", "sk_live_"),
        ("stripe_api_key", &format!("sk_live_{}", "Secret1".repeat(100_000))),
        ("../stripe_api_key", "sk_live_Secret1"),
    ] {
        let output = tollgate(directory.path(), &["secret", name], input);
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{input}: {printed}");
        assert!(!printed.contains("Secret"), "{printed}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
