//! `cargo demo --open`: the playground, until it is interrupted.

use super::Playground;
use crate::install::modules::Modules;
use crate::install::workspace;
use std::io::Write;
use tokio::signal::unix::{SignalKind, signal};

/// Starts the playground, prints its URL, and ends it with SIGINT (Ctrl-C) or SIGTERM.
///
/// # Panics
/// If a part of it does not start, with the reason.
pub async fn run() {
    say("Tollgate's playground: a real Envoy with all filters; Stripe and Clerk are fakes.");
    say("The first run builds the filters and fetches Envoy, which takes some minutes.");
    // Before the signals are handled, so that Ctrl-C ends a build.
    Modules::build();
    let mut interrupt = signal(SignalKind::interrupt()).expect("a handler of SIGINT");
    let mut terminate = signal(SignalKind::terminate()).expect("a handler of SIGTERM");
    let ended = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let playground = Playground::start(&workspace::file("playground")).await;
    say(&format!("\nPlayground: {}\n\nOpen it in a browser. Ctrl-C ends it.", playground.url()));
    ended.await;
    playground.stop().await;
    say("\nThe playground has ended.");
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
