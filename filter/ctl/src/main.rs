//! The `tollgate` command: a third host of the filters' rules. This file only reads the arguments.
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic on a closed pipe: see terminal.rs.
#![allow(clippy::disallowed_methods)] // A command reads its clock and its environment itself.

mod check;
mod clock;
mod document;
mod schema;
mod sync;
mod terminal;
mod token;
mod webhook;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Stripe's plans in Clerk's metadata, and limits in front of a backend: what the filters do, from the
/// command line.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version)]
struct Cli {
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    Check(check::CheckArguments),
    Schema(schema::SchemaArguments),
    Sync(sync::SyncArguments),
    Token(token::TokenArguments),
    Webhook(webhook::WebhookArguments),
}

fn main() -> ExitCode {
    terminal::exit_code(match Cli::parse().command {
        CliCommand::Check(arguments) => check::run(&arguments),
        CliCommand::Schema(arguments) => schema::run(&arguments),
        CliCommand::Sync(arguments) => sync::run(&arguments),
        CliCommand::Token(arguments) => token::run(&arguments),
        CliCommand::Webhook(arguments) => webhook::run(&arguments),
    })
}
