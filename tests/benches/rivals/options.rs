//! What `cargo bench -- …` takes.

use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

/// Measures Tollgate beside what does the same job, on one Envoy worker each.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench rivals --")]
pub(crate) struct Options {
    /// Also write all figures into this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// How many runs, each with new processes. A target is met or missed by the median of their ratios.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) runs: u32,
    /// How many rounds a run has. A round is two turns of each candidate: there and back.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// How much processor time a turn takes, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    turn_ms: u32,
    /// Only candidates whose names begin like this, and the bare Envoy. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// A folder with a `plan_gate.wasm` and a `stripe_webhook.wasm` of another build: each candidate of ours
    /// is measured with them too, under its name and `@before`.
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

    /// Returns whether a candidate of that name is to be measured.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }

    /// Returns the processor time that a turn should take.
    pub(crate) fn turn(&self) -> Duration {
        Duration::from_millis(self.turn_ms.into())
    }
}
