//! The `tollgate` command: a third host of the filters' rules. This file only reads the arguments.
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic on a closed pipe: see terminal.rs.
#![allow(clippy::disallowed_methods)] // A command reads its clock and its environment itself.

mod api_calls;
mod check;
mod clock;
mod doctor;
mod document;
mod field_names;
mod init;
mod schema;
mod secret;
mod sync;
mod terminal;
mod token;
mod url;
mod webhook;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use std::sync::LazyLock;

/// The version that `--version` prints. `cargo release-artifacts` sets the commit.
static VERSION: LazyLock<String> = LazyLock::new(|| version(option_env!("TOLLGATE_COMMIT")));

/// Check a gateway's configuration and accounts, explain its decisions, and sync the plans at Clerk, by the
/// same rules as Tollgate's filters.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version = VERSION.as_str())]
struct Cli {
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    Check(check::CheckArguments),
    Doctor(doctor::DoctorArguments),
    Init(init::InitArguments),
    Schema(schema::SchemaArguments),
    Secret(secret::SecretArguments),
    Sync(sync::SyncArguments),
    Token(token::TokenArguments),
    Webhook(webhook::WebhookArguments),
}

fn version(commit: Option<&str>) -> String {
    format!("{} ({})", env!("CARGO_PKG_VERSION"), commit.unwrap_or("unknown commit"))
}

fn main() -> ExitCode {
    terminal::exit_code(match Cli::parse().command {
        CliCommand::Check(arguments) => check::run(&arguments),
        CliCommand::Doctor(arguments) => doctor::run(&arguments),
        CliCommand::Init(arguments) => init::run(&arguments),
        CliCommand::Schema(arguments) => schema::run(&arguments),
        CliCommand::Secret(arguments) => secret::run(&arguments),
        CliCommand::Sync(arguments) => sync::run(&arguments),
        CliCommand::Token(arguments) => token::run(&arguments),
        CliCommand::Webhook(arguments) => webhook::run(&arguments),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_version_names_the_commit() {
        assert_eq!(version(Some("5c7d73d")), format!("{} (5c7d73d)", env!("CARGO_PKG_VERSION")));
        let printed = Cli::command().render_version();
        assert_eq!(printed, format!("tollgate {}\n", *VERSION));
    }
}
