//! Checks of shell blocks, workflows, and scripts: bash can parse them, and every program in them is known,
//! because it is part of the system, a page describes its installation, or it is part of this repository.

use crate::code::{nodes, with_tree};
use crate::pages::Block;
use std::process::{Command, Stdio};
use tollgate_tests::install::workspace;
use tree_sitter::Node;

/// Programs of the system, and those whose installation a page describes.
const PROGRAMS: [&str; 51] = [
    ".",
    "apt-get",
    "awk",
    "basename",
    "break",
    "cat",
    "cd",
    "chmod",
    "cmp",
    "command",
    "continue",
    "cosign",
    "cp",
    "curl",
    "diff",
    "dirname",
    "docker",
    "echo",
    "egctl",
    "envoy",
    "exit",
    "export",
    "gh",
    "git",
    "go",
    "grep",
    "gzip",
    "helm",
    "install",
    "istioctl",
    "kubectl",
    "mkdir",
    "mktemp",
    "mv",
    "oras",
    "pip",
    "printf",
    "promtool",
    "python3",
    "redis-cli",
    "redis-server",
    "rm",
    "rustup",
    "sed",
    "service_cmd",
    "set",
    "sha256sum",
    "stripe",
    "sudo",
    "tar",
    "xargs",
];

/// The subcommands that Cargo has without aliases.
const CARGO: [&str; 7] = ["bench", "build", "clippy", "doc", "fmt", "install", "test"];

/// Subcommands of Cargo that a page or a workflow installs.
const INSTALLED: [&str; 2] = ["deny", "fuzz"];

/// Checks a block without running it.
pub fn check(block: &Block) -> Result<(), String> {
    check_syntax(&block.text)?;
    let commands = with_tree(&tree_sitter_bash::LANGUAGE.into(), &block.text, |root| {
        let commands =
            nodes(root).into_iter().filter(|node| ["command", "declaration_command"].contains(&node.kind()));
        // Assignments before the name of the program are skipped.
        let start = |node: Node<'_>| node.child_by_field_name("name").unwrap_or(node).start_byte();
        commands.map(|node| block.text[start(node)..node.end_byte()].to_owned()).collect::<Vec<_>>()
    });
    commands.iter().try_for_each(|command| check_command(command))
}

/// Checks a session: commands after `$ `, and their output.
pub fn check_console(block: &Block) -> Result<(), String> {
    let commands: Vec<_> = block.text.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    if commands.is_empty() {
        return Err("no command: each begins with `$ `".to_owned());
    }
    check(&Block { text: commands.join("\n"), ..block.clone() })
}

fn check_syntax(text: &str) -> Result<(), String> {
    let mut bash = Command::new("bash");
    let out =
        bash.args(["-n", "-c", text]).stdin(Stdio::null()).output().map_err(|e| format!("no bash: {e}"))?;
    if out.status.success() { Ok(()) } else { Err(format!("bash: {}", String::from_utf8_lossy(&out.stderr))) }
}

/// Checks the program that a command runs.
fn check_command(command: &str) -> Result<(), String> {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let subcommand = words.next().unwrap_or_default();
    let is_known = match program {
        "cargo" => {
            CARGO.contains(&subcommand) || INSTALLED.contains(&subcommand) || is_cargo_alias(subcommand)
        }
        // The README unpacks a release, which has the command, as `gateway`.
        "tollgate" | "gateway/tollgate" => is_tollgate_subcommand(subcommand),
        script if script.contains('/') => workspace::file(script).is_file(),
        program => PROGRAMS.contains(&program),
    };
    if is_known { Ok(()) } else { Err(format!("unknown command `{program} {subcommand}`")) }
}

fn is_cargo_alias(name: &str) -> bool {
    let config = std::fs::read_to_string(workspace::file(".cargo/config.toml")).expect(".cargo/config.toml");
    config.lines().any(|line| line.starts_with(&format!("{name} = ")))
}

/// Returns whether `tollgate` has the subcommand. Each subcommand is a module.
fn is_tollgate_subcommand(subcommand: &str) -> bool {
    let source = workspace::file("filter/ctl/src");
    source.join(format!("{subcommand}.rs")).is_file() || source.join(subcommand).is_dir()
}
