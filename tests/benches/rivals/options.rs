//! The options of `cargo bench -- …`.

use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

/// Compares the cost of Tollgate with other software for the same job, on one Envoy worker each.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench rivals --")]
pub(crate) struct Options {
    /// Also write all measurements to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The number of runs, each with new processes. The median of their ratios decides whether a target is
    /// met.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) runs: u32,
    /// The number of rounds of a run. A round is two turns of each candidate: in order, then in reverse
    /// order.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// The processor time of a turn, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    turn_ms: u32,
    /// Measure only candidates whose names start with this, and the bare Envoy. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// A folder with `plan_gate.wasm` and `stripe_webhook.wasm` of another build, and optionally with its
    /// `libtollgate.so`. Each candidate with Tollgate is also measured with them, under its name with the
    /// suffix `@before`.
    #[arg(long, value_name = "DIR")]
    pub(crate) before: Option<PathBuf>,
    /// Given by cargo.
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

impl Options {
    pub(crate) fn read() -> Options {
        Options::parse()
    }

    /// Returns whether a candidate is selected.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }

    /// Returns the processor time of a turn.
    pub(crate) fn turn(&self) -> Duration {
        Duration::from_millis(self.turn_ms.into())
    }
}
