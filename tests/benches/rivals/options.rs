//! What `cargo bench -- …` takes.

use clap::Parser;
use std::path::PathBuf;

/// Measures Tollgate beside what does the same job, on one Envoy worker each.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench rivals --")]
pub(crate) struct Options {
    /// Also write all figures into this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// How often each candidate is measured.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// How long each time, in seconds.
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) seconds: u32,
    /// Only candidates whose names begin like this, and the bare Envoy. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Given by cargo.
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

impl Options {
    pub(crate) fn read() -> Options {
        Options::parse()
    }

    /// Whether a candidate of that name is to be measured.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }

    /// How long each candidate runs before it counts: V8 compiles what is used often once more.
    pub(crate) fn warm_up_s(&self) -> u32 {
        self.seconds.max(2)
    }
}
