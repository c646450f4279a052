//! The workflows and scripts of `.github`: they are valid, have only the permissions that they need, and run
//! commands and scripts that exist.

use crate::pages::Block;
use crate::shell;
use serde_norway::Value;
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
            assert!(job["timeout-minutes"].is_u64() && job["runs-on"].is_string(), "{name}");
            let may_write = job["permissions"].is_mapping();
            assert!(!may_write || name == ".github/workflows/release.yml: publish", "{name} may write");
        }
    }
    assert_eq!(workflows.len(), 3, "CI, nightly, and release");
}

/// A tag of an action can be moved to other code, a commit cannot.
#[test]
fn each_action_is_pinned_to_a_commit_with_its_version_beside_it() {
    let mut count = 0;
    for (path, text) in workflows() {
        for line in text.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: "))
        {
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
            for step in job["steps"].as_sequence().expect("steps") {
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
