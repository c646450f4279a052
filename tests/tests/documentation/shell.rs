//! Shell blocks: bash can read them, and every program in them is one that users have or that this repository
//! gives.

use crate::code::{nodes, with_tree};
use crate::pages::Block;
use std::process::{Command, Stdio};
use tollgate_tests::install::workspace;

/// Programs of the system, and those that a page says how to get.
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
    commands.iter().try_for_each(|command| known(command))
}

/// Checks a session: commands behind `$ `, and what they print.
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

/// Variables set for one command alone stand before its name.
fn known(command: &str) -> Result<(), String> {
    let mut words =
        command.split_whitespace().skip_while(|word| word.contains('=') && !word.starts_with('-'));
    let program = words.next().unwrap_or_default();
    let subcommand = words.next().unwrap_or_default();
    let there = match program {
        "cargo" => CARGO.contains(&subcommand) || subcommand == "fuzz" || is_alias(subcommand),
        "tollgate" => is_tollgates(subcommand),
        program => PROGRAMS.contains(&program),
    };
    if there { Ok(()) } else { Err(format!("who knows `{program} {subcommand}`?")) }
}

fn is_alias(name: &str) -> bool {
    let config = std::fs::read_to_string(workspace::file(".cargo/config.toml")).expect(".cargo/config.toml");
    config.lines().any(|line| line.starts_with(&format!("{name} = ")))
}

/// Each subcommand of `tollgate` is a module of its own.
fn is_tollgates(subcommand: &str) -> bool {
    let source = workspace::file("filter/ctl/src");
    source.join(format!("{subcommand}.rs")).is_file() || source.join(subcommand).is_dir()
}
