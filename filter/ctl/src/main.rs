//! The `tollgate` command: a third host of the rules that the filters follow. Here arguments are read, nothing more.
#![allow(clippy::disallowed_methods)] // A command reads its clock and its environment itself.

mod check;
mod clock;
mod document;
mod schema;
mod sync;
mod token;
mod webhook;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Stripe's plans in Clerk's metadata, and limits in front of a backend: what the filters do, from the command line.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Schema(schema::Arguments),
    Sync(sync::Arguments),
    Token(token::Arguments),
    Webhook(webhook::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Sync(arguments) => sync::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
        Command::Webhook(arguments) => webhook::run(&arguments),
    }
}
