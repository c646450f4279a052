//! From runs to what can be said: the median over the rounds, with the least and the most.

use crate::candidates::{BARE, Candidate};
use crate::load::Run;
use serde::Serialize;

/// A candidate with all its runs, in the order of the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) about: String,
    /// Whether events came, not requests that the gate guards.
    pub(crate) webhook: bool,
    pub(crate) runs: Vec<Run>,
}

impl Measured {
    /// One without a run yet.
    pub(crate) fn of(candidate: &Candidate) -> Measured {
        let Candidate { name, about, webhook, .. } = candidate;
        Measured { name, about: about.clone(), webhook: *webhook, runs: Vec::new() }
    }

    pub(crate) fn spread(&self, figure: impl Fn(&Run) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(figure).collect())
    }

    /// What a request takes of the processor beyond that of a bare Envoy in the same round, in microseconds.
    pub(crate) fn added_us(&self, bare: &Measured) -> Vec<f64> {
        let rounds = self.runs.iter().zip(&bare.runs);
        rounds.map(|(run, bare)| run.processor_us() - bare.processor_us()).collect()
    }
}

/// The one that all others are held against. It is always measured.
pub(crate) fn bare(all: &[Measured]) -> &Measured {
    &all[all.iter().position(|measured| measured.name == BARE).unwrap_or(0)]
}

/// The one of that name, if it was measured.
pub(crate) fn named<'a>(all: &'a [Measured], name: &str) -> Option<&'a Measured> {
    all.iter().find(|measured| measured.name == name)
}

/// The median, the least and the most.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// # Panics
    /// Without values.
    pub(crate) fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let upper = values[values.len() / 2];
        let lower = values[(values.len() - 1) / 2];
        Spread { median: (lower + upper) / 2.0, min: values[0], max: values[values.len() - 1] }
    }
}
