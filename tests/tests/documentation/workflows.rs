//! The workflows and scripts of `.github`: they are valid, have only the permissions that they need, and run
//! commands and scripts that exist.

use crate::pages::Block;
use crate::shell;
use serde_norway::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tollgate_tests::install::workspace;

const FOLDER: &str = ".github/workflows";

/// Returns each workflow with its name and text.
fn workflows() -> Vec<(String, String)> {
    let listed = std::fs::read_dir(workspace::file(FOLDER)).expect(FOLDER);
    let paths = listed.map(|entry| format!("{FOLDER}/{}", entry.expect("an entry").file_name().display()));
    let mut workflows: Vec<_> = paths.map(|path| (path.clone(), workspace::text(&path))).collect();
    workflows.sort_unstable();
    workflows
}

fn yaml(path: &str, text: &str) -> Value {
    serde_norway::from_str(text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Returns the jobs, each with its name.
fn jobs<'a>(path: &str, workflow: &'a Value) -> Vec<(String, &'a Value)> {
    let jobs = workflow["jobs"].as_mapping().unwrap_or_else(|| panic!("{path} has no jobs"));
    jobs.iter().map(|(name, job)| (format!("{path}: {}", name.as_str().expect("a name")), job)).collect()
}

fn block(location: &str, text: &str) -> Block {
    let (location, text) = (location.to_owned(), text.to_owned());
    Block { location, text, heading: String::new(), language: "sh".to_owned(), context: None }
}

#[test]
fn each_workflow_may_only_read_unless_a_job_needs_more() {
    let workflows = workflows();
    for (path, text) in &workflows {
        let workflow = yaml(path, text);
        let permissions = workflow["permissions"].as_mapping().expect("permissions");
        assert_eq!(
            (permissions.len(), workflow["permissions"]["contents"].as_str()),
            (1, Some("read")),
            "{path}"
        );
        for (name, job) in jobs(path, &workflow) {
            let called = job["uses"].as_str();
            let is_limited = job["timeout-minutes"].is_u64() && job["runs-on"].is_string();
            assert!(called.map_or(is_limited, |called| workspace::file(called).is_file()), "{name}");
            let may_write = job["permissions"].is_mapping();
            assert!(!may_write || name == ".github/workflows/release.yml: publish", "{name} may write");
        }
    }
    assert_eq!(workflows.len(), 4, "artifacts, CI, nightly, and release");
}

/// A tag of an action can be moved to other code, a commit cannot.
#[test]
fn each_action_is_pinned_to_a_commit_with_its_version_beside_it() {
    let mut count = 0;
    for (path, text) in workflows() {
        let lines =
            text.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: "));
        // A workflow of the repository is of the same commit.
        for line in lines.filter(|line| !line.starts_with("./.github/workflows/")) {
            let (action, version) =
                line.split_once(" # v").unwrap_or_else(|| panic!("{path}: {line}: no version"));
            let (_, commit) = action.split_once('@').unwrap_or_else(|| panic!("{path}: {line}: no commit"));
            assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{path}: {line}");
            assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{path}: {line}");
            count += 1;
        }
    }
    assert!(count > 10, "only {count} actions were found");
}

#[test]
fn each_command_of_a_workflow_exists() {
    let mut count = 0;
    for (path, text) in workflows() {
        let workflow = yaml(&path, &text);
        for (name, job) in jobs(&path, &workflow) {
            for step in job["steps"].as_sequence().into_iter().flatten() {
                let Some(commands) = step["run"].as_str() else { continue };
                // An expression is replaced in the text of a script before it runs, also by a quote.
                assert!(!commands.contains("${{"), "{name}: pass an expression by `env`: {commands}");
                shell::check(&block(&name, commands)).unwrap_or_else(|e| panic!("{name}: {e}"));
                count += 1;
            }
        }
    }
    assert!(count > 10, "only {count} commands were found");
}

#[test]
fn each_command_of_a_script_exists() {
    for path in [".ci/run", ".github/scripts/collect-artifacts", ".github/scripts/push-images"] {
        let text = workspace::text(path);
        assert!(text.starts_with("#!/usr/bin/env bash\n") && text.contains("set -euo pipefail\n"), "{path}");
        shell::check(&block(path, &text)).unwrap_or_else(|e| panic!("{path}: {e}"));
    }
}

#[test]
fn the_forms_for_issues_and_the_update_rules_are_yaml() {
    for path in
        [".github/dependabot.yml", ".github/ISSUE_TEMPLATE/bug.yml", ".github/ISSUE_TEMPLATE/idea.yml"]
    {
        let value = yaml(path, &workspace::text(path));
        let fields = value["body"].as_sequence().or_else(|| value["updates"].as_sequence());
        assert!(fields.is_some_and(|fields| !fields.is_empty()), "{path}");
    }
}

/// A program that notes its arguments, and prints what the real one prints that a script reads.
fn noting_program(folder: &Path, name: &str, prints: &str) {
    let file = folder.join(name);
    let notes = folder.join("notes");
    // `login` reads a password.
    let script = format!(
        "#!/bin/sh\necho \"{name} $*\" >> {}\n[ \"$1\" != login ] || cat >/dev/null\n{prints}\n",
        notes.display()
    );
    std::fs::write(&file, script).expect("written");
    std::fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("an executable");
}

/// Each image is signed by the digest with which it was pushed: a tag can be moved.
#[test]
fn images_are_pushed_and_signed_by_their_digests() {
    let dir = tempfile::tempdir().expect("a directory");
    let (bin, release) = (dir.path().join("bin"), dir.path().join("release"));
    for folder in [&bin, &release] {
        std::fs::create_dir(folder).expect("a directory");
    }
    let digest = format!("sha256:{}", "d".repeat(64));
    noting_program(&bin, "oras", &format!("[ \"$1\" != push ] || echo {digest}"));
    noting_program(&bin, "docker", &format!("[ \"$1 $2\" != 'manifest push' ] || echo {digest}"));
    noting_program(&bin, "cosign", "");
    for machine in ["x86_64", "aarch64"] {
        let command = release.join(format!("tollgate-{machine}-unknown-linux-musl"));
        std::fs::write(command, "a command").expect("written");
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut script = std::process::Command::new(workspace::file(".github/scripts/push-images"));
    script.args(["release", "ghcr.io/Someone/Tollgate", "v1.2.3"]).current_dir(dir.path());
    let out = script.env("PATH", path).env("GH_TOKEN", "secret").env("GITHUB_ACTOR", "someone").output();
    let out = out.expect("bash");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    let notes = std::fs::read_to_string(bin.join("notes")).expect("notes");
    let signed: Vec<_> = notes.lines().filter_map(|line| line.strip_prefix("cosign sign ")).collect();
    let registry = "ghcr.io/someone/tollgate";
    let modules = ["stripe-webhook", "clerk-webhook", "billing", "plan-gate"];
    let mut expected: Vec<_> = modules.map(|module| format!("--yes {registry}/{module}@{digest}")).to_vec();
    expected.push(format!("--yes --recursive {registry}/tollgate@{digest}"));
    assert_eq!(signed, expected, "{notes}");
    assert!(!notes.contains("secret"), "{notes}");
    let left = std::fs::read_dir(&release).expect("a folder").count();
    assert_eq!(left, 2, "the folder of the release is as before");
}

/// Artifacts of several machines are collected only if the files that they share are equal.
#[test]
fn artifacts_of_several_machines_are_collected_if_they_agree() {
    let dir = tempfile::tempdir().expect("a directory");
    let artifacts = |machine: &str, module: &str| {
        let folder = dir.path().join("built").join(machine);
        std::fs::create_dir_all(&folder).expect("a directory");
        std::fs::write(folder.join("plan_gate.wasm"), module).expect("written");
        std::fs::write(folder.join(machine), machine).expect("written");
        let sums = std::process::Command::new("bash")
            .args(["-c", "rm -f SHA256SUMS; sums=$(sha256sum -- *); echo \"$sums\" > SHA256SUMS"])
            .current_dir(folder)
            .status();
        assert!(sums.expect("bash").success());
    };
    let collect = |release: &str| {
        let mut script = std::process::Command::new(workspace::file(".github/scripts/collect-artifacts"));
        script.args(["built", release]).current_dir(dir.path()).output().expect("it starts").status.success()
    };
    artifacts("x86_64", "module");
    artifacts("aarch64", "module");
    assert!(collect("release"));
    let sums = std::fs::read_to_string(dir.path().join("release/SHA256SUMS")).expect("checksums");
    let names: Vec<_> = sums.lines().filter_map(|line| line.split("  ").nth(1)).collect();
    assert_eq!(names, ["aarch64", "plan_gate.wasm", "x86_64"]);
    artifacts("aarch64", "another module");
    assert!(!collect("other"), "the modules differ");
}
