//! Statistics of the measured rounds: medians and quartiles.

use crate::candidates::{BARE, Candidate};
use serde::Serialize;

/// The measurements of a candidate in one run.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) about: String,
    /// The name of the candidate whose cost is subtracted from this one's.
    pub(crate) baseline: &'static str,
    /// Whether it got Stripe's events instead of requests that the gate guards.
    pub(crate) webhook: bool,
    /// The processor time of a request in each round, in microseconds.
    pub(crate) rounds_us: Vec<f64>,
}

/// One run: all candidates, each with the same number of rounds.
pub(crate) type Run = Vec<Measured>;

impl Measured {
    /// Returns the measurements of a candidate before its first round.
    pub(crate) fn new(candidate: &Candidate) -> Measured {
        let Candidate { name, about, baseline, webhook, .. } = candidate;
        let (name, about) = (name.clone(), about.clone());
        Measured { name, about, baseline, webhook: *webhook, rounds_us: Vec::new() }
    }

    /// Returns the processor time that a request takes beyond one of the baseline in the same round, in
    /// microseconds.
    pub(crate) fn added_us(&self, run: &Run) -> Vec<f64> {
        let baseline = named(run, self.baseline).or_else(|| named(run, BARE));
        let Some(baseline) = baseline else { return Vec::new() };
        self.rounds_us.iter().zip(&baseline.rounds_us).map(|(took, baseline)| took - baseline).collect()
    }
}

/// Returns the measurements of the candidate with a name, if it was measured.
pub(crate) fn named<'a>(run: &'a Run, name: &str) -> Option<&'a Measured> {
    run.iter().find(|measured| measured.name == name)
}

/// The median and the quartiles of some values.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
}

impl Spread {
    /// Computes median and quartiles.
    ///
    /// # Panics
    /// If there are no values.
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

/// Returns the median of some values.
///
/// # Panics
/// If there are no values.
pub(crate) fn median(values: Vec<f64>) -> f64 {
    Spread::new(values).median
}
