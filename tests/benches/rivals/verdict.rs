//! The targets: the maximum cost of Tollgate relative to Envoy's own filters or to a Python service.

use crate::candidates::{BEFORE_SUFFIX, NATIVE};
use crate::figures::{Measured, Run, Spread, median, named};
use serde::Serialize;

/// The candidate, the candidate that it is compared with, and the maximum ratio of their costs.
const TARGETS: [(&str, &str, f64); 9] = [
    ("gate", NATIVE, 2.6),
    ("gate-quiet", NATIVE, 1.9),
    ("gate-refusal", NATIVE, 2.7),
    ("gate-new-token", "jwt_authn", 1.1),
    ("gate@native", NATIVE, 1.0),
    ("gate-refusal@native", NATIVE, 1.0),
    ("gate-new-token@native", "jwt_authn", 0.85),
    ("forged-100k", "fastapi-forged-100k", 0.75),
    ("forged-100k@native", "fastapi-forged-100k", 0.3),
];

/// The maximum ratio of the cost of the current build to that of the build before it.
const BEFORE_MAX: f64 = 1.03;

/// The result of a target.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    name: String,
    reference: String,
    allowed: f64,
    /// The ratio of the medians in each run.
    runs: Vec<f64>,
    /// The ratios in all rounds of all runs.
    rounds: Spread,
}

/// Returns the results of all targets whose candidates were both measured, and of all candidates that were
/// measured with two builds.
pub(crate) fn all(runs: &[Run]) -> Vec<Verdict> {
    let Some(first) = runs.first() else { return Vec::new() };
    let targets = TARGETS
        .iter()
        .map(|(name, reference, allowed)| ((*name).to_owned(), (*reference).to_owned(), *allowed));
    let before = first.iter().filter_map(|measured| {
        let name = measured.name.strip_suffix(BEFORE_SUFFIX)?;
        Some((name.to_owned(), measured.name.clone(), BEFORE_MAX))
    });
    targets
        .chain(before)
        .filter_map(|(name, reference, allowed)| Verdict::new(name, reference, allowed, runs))
        .collect()
}

/// Returns the cost that is compared: the time itself for webhooks, otherwise the time added to the baseline.
fn cost(measured: &Measured, run: &Run) -> Vec<f64> {
    if measured.webhook { measured.rounds_us.clone() } else { measured.added_us(run) }
}

impl Verdict {
    fn new(name: String, reference: String, allowed: f64, runs: &[Run]) -> Option<Verdict> {
        let mut ratios = Vec::new();
        let mut rounds = Vec::new();
        for run in runs {
            let (ours, theirs) = (cost(named(run, &name)?, run), cost(named(run, &reference)?, run));
            rounds.extend(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs));
            ratios.push(median(ours) / median(theirs));
        }
        Some(Verdict { name, reference, allowed, runs: ratios, rounds: Spread::new(rounds) })
    }

    /// Returns the result as a row of the table of targets.
    pub(crate) fn row(&self) -> String {
        let Verdict { name, reference, allowed, runs, rounds: Spread { lower, upper, .. } } = self;
        let ratio = median(runs.clone());
        let met = if ratio <= *allowed { "met" } else { "missed" };
        let runs: Vec<_> = runs.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let runs = runs.join(", ");
        format!(
            "| `{name}` | {allowed} × `{reference}` | {ratio:.2} ({lower:.2}–{upper:.2}) | {runs} | {met} |"
        )
    }
}
