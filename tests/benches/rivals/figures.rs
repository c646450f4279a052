//! From rounds to what can be said: medians, with the quartiles of the rounds.

use crate::candidates::{BARE, Candidate};
use serde::Serialize;

/// A candidate with the rounds of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) about: String,
    /// The candidate over which its cost is told.
    pub(crate) over: &'static str,
    /// Whether events came, not requests that the gate guards.
    pub(crate) webhook: bool,
    /// What a request took of the processor in each round, in microseconds.
    pub(crate) rounds_us: Vec<f64>,
}

/// One run: all candidates, each with as many rounds.
pub(crate) type Run = Vec<Measured>;

impl Measured {
    /// Returns that of a candidate which has had no round yet.
    pub(crate) fn new(candidate: &Candidate) -> Measured {
        let Candidate { name, about, over, webhook, .. } = candidate;
        let (name, about) = (name.clone(), about.clone());
        Measured { name, about, over, webhook: *webhook, rounds_us: Vec::new() }
    }

    /// Returns what a request takes beyond that of the candidate to be told over in the same round, in
    /// microseconds.
    pub(crate) fn added_us(&self, run: &Run) -> Vec<f64> {
        let Some(over) = named(run, self.over).or_else(|| named(run, BARE)) else { return Vec::new() };
        self.rounds_us.iter().zip(&over.rounds_us).map(|(took, over)| took - over).collect()
    }
}

/// Returns the candidate of that name, if it was measured.
pub(crate) fn named<'a>(run: &'a Run, name: &str) -> Option<&'a Measured> {
    run.iter().find(|measured| measured.name == name)
}

/// The median and the quartiles.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
}

impl Spread {
    /// # Panics
    /// Without values.
    pub(crate) fn new(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| values[((values.len() - 1) as f64 * part).round() as usize];
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Spread { median, lower: at(0.25), upper: at(0.75) }
    }
}

/// Returns the median.
///
/// # Panics
/// Without values.
pub(crate) fn median(values: Vec<f64>) -> f64 {
    Spread::new(values).median
}
