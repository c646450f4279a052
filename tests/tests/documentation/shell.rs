//! Shell blocks: bash can parse them, and every program in them is a known one: of the system, named by a
//! page, or of this repository.

use crate::code::{nodes, with_tree};
use crate::pages::Block;
use std::process::{Command, Stdio};
use tollgate_tests::install::workspace;

/// Programs of the system, and those whose installation a page describes.
const PROGRAMS: [&str; 31] = [
    ".",
    "apt-get",
    "break",
    "cat",
    "cd",
    "chmod",
    "cp",
    "curl",
    "docker",
    "egctl",
    "envoy",
    "export",
    "go",
    "grep",
    "helm",
    "install",
    "istioctl",
    "kubectl",
    "mkdir",
    "mv",
    "oras",
    "pip",
    "promtool",
    "python3",
    "redis-cli",
    "redis-server",
    "sed",
    "service_cmd",
    "set",
    "sudo",
    "xargs",
];

/// Cargo's own commands.
const CARGO: [&str; 6] = ["bench", "build", "clippy", "fmt", "install", "test"];

/// Checks a block without running it.
pub fn check(block: &Block) -> Result<(), String> {
    syntax(&block.text)?;
    let commands = with_tree(&tree_sitter_bash::LANGUAGE.into(), &block.text, |root| {
        let commands =
            nodes(root).into_iter().filter(|node| ["command", "declaration_command"].contains(&node.kind()));
        commands.map(|node| block.text[node.byte_range()].to_owned()).collect::<Vec<_>>()
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

fn syntax(text: &str) -> Result<(), String> {
    let mut bash = Command::new("bash");
    let out =
        bash.args(["-n", "-c", text]).stdin(Stdio::null()).output().map_err(|e| format!("no bash: {e}"))?;
    if out.status.success() { Ok(()) } else { Err(format!("bash: {}", String::from_utf8_lossy(&out.stderr))) }
}

/// Checks the program that a command runs. Assignments before its name are skipped.
fn check_command(command: &str) -> Result<(), String> {
    let mut words =
        command.split_whitespace().skip_while(|word| word.contains('=') && !word.starts_with('-'));
    let program = words.next().unwrap_or_default();
    let subcommand = words.next().unwrap_or_default();
    let is_known = match program {
        "cargo" => CARGO.contains(&subcommand) || subcommand == "fuzz" || is_cargo_alias(subcommand),
        "tollgate" => is_tollgate_subcommand(subcommand),
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
