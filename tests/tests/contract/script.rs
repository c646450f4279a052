//! A Python script of `tests/contracts/`: its input and output are JSON on standard input and output.

use serde_json::Value;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tollgate_tests::install::python::Python;
use tollgate_tests::install::workspace;

/// Runs a script with the packages of a requirements file.
pub async fn run(script: &str, requirements: &str, input: &Value) -> Value {
    let requirements = requirements.to_owned();
    // The installation may take minutes; the fakes are served meanwhile.
    let python = tokio::task::spawn_blocking(move || Python::with(&requirements)).await.expect("Python");
    let mut command = Command::new(python.interpreter());
    command.arg(workspace::file(script)).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().expect("a process");
    let mut stdin = child.stdin.take().expect("a pipe");
    // The script reads everything before it writes, so neither waits for the other. If it ends early, its
    // standard error has the reason.
    let _ = stdin.write_all(input.to_string().as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.expect("an end");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} ended with {}\n{errors}", output.status);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{script} wrote no JSON: {e}\n{errors}"))
}
