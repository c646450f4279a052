//! The report of the benchmark: Markdown tables, and JSON.

use crate::candidates::BARE;
use crate::connections::CONNECTIONS;
use crate::figures::{Measured, Run, Spread};
use crate::footprint::Footprint;
use crate::machine;
use crate::options::Options;
use crate::verdict::{self, Verdict};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// All measurements and their circumstances.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    date: String,
    machine: String,
    envoy: String,
    rounds: u32,
    turn_ms: u128,
    runs: Vec<Run>,
    targets: Vec<Verdict>,
    footprint: Option<Vec<Footprint>>,
}

impl Report {
    pub(crate) fn new(options: &Options, runs: Vec<Run>, footprint: Option<Vec<Footprint>>) -> Report {
        let targets = verdict::all(&runs);
        let (rounds, turn_ms) = (options.rounds, options.turn().as_millis());
        let (date, machine, envoy) = (machine::today(), machine::description(), machine::envoy());
        Report { date, machine, envoy, rounds, turn_ms, runs, targets, footprint }
    }

    /// Returns the report in Markdown.
    pub(crate) fn table(&self) -> String {
        let Report { date, machine, envoy, rounds, turn_ms, .. } = self;
        let runs = self.runs.len();
        let mut text = format!(
            "{date}, Envoy {envoy}, one worker each; {runs} runs of {rounds} rounds, two turns of {turn_ms} ms each, \
             {CONNECTIONS} connections; {machine}.\n\n"
        );
        self.guarded(&mut text);
        self.webhooks(&mut text);
        if !self.targets.is_empty() {
            text += "\n| target | at most | measured | runs | |\n|---|---|---|---|---|\n";
            self.targets.iter().for_each(|target| line(&mut text, &target.row()));
        }
        if let Some(footprint) = &self.footprint {
            text += "\n| module | bytes | memory of each VM | added to Envoy's start |\n|---|---|---|---|\n";
            for Footprint { module, bytes, start_ms, vm_bytes } in footprint {
                let megabytes = *vm_bytes as f64 / 1e6;
                line(&mut text, &format!("| {module} | {bytes} | {megabytes:.1} MB | {start_ms} ms |"));
            }
        }
        text
    }

    /// Writes the table of guarded requests.
    fn guarded(&self, text: &mut String) {
        *text += "| guarded requests | | added to a request, µs |\n|---|---|---|\n";
        for measured in self.candidates().filter(|measured| !measured.webhook) {
            let cost = match measured.baseline {
                baseline if measured.name == baseline => {
                    format!(
                        "{} in all",
                        shown(self.spread(measured, |measured, _| measured.rounds_us.clone()), 1)
                    )
                }
                BARE => shown(self.spread(measured, Measured::added_us), 1),
                baseline => {
                    format!("{} over `{baseline}`", shown(self.spread(measured, Measured::added_us), 1))
                }
            };
            line(text, &format!("| `{}` | {} | {cost} |", measured.name, measured.about));
        }
    }

    /// Writes the table of events, sent to the webhook filter or to an application that does the same.
    fn webhooks(&self, text: &mut String) {
        let mut webhooks = self.candidates().filter(|measured| measured.webhook).peekable();
        if webhooks.peek().is_none() {
            return;
        }
        *text += "\n| webhooks | | processor for each, µs |\n|---|---|---|\n";
        for measured in webhooks {
            let cost = shown(self.spread(measured, |measured, _| measured.rounds_us.clone()), 0);
            line(text, &format!("| `{}` | {} | {cost} |", measured.name, measured.about));
        }
    }

    fn candidates(&self) -> impl Iterator<Item = &Measured> {
        self.runs.first().into_iter().flatten()
    }

    /// Returns a figure over all rounds of all runs.
    fn spread(&self, measured: &Measured, figure: impl Fn(&Measured, &Run) -> Vec<f64>) -> Spread {
        let of_run = |run: &Run| {
            let same = run.iter().find(|other| other.name == measured.name);
            same.map(|same| figure(same, run)).unwrap_or_default()
        };
        Spread::new(self.runs.iter().flat_map(of_run).collect())
    }

    /// Writes all measurements, including each round.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub(crate) fn write_json(&self, file: &Path) {
        let json = serde_json::to_vec_pretty(self).map_err(std::io::Error::other);
        let written = json.and_then(|json| std::fs::write(file, json));
        written.unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
    }
}

fn shown(spread: Spread, decimals: usize) -> String {
    let Spread { median, lower, upper } = spread;
    format!("{median:.decimals$} ({lower:.decimals$}–{upper:.decimals$})")
}

fn line(text: &mut String, line: &str) {
    let _ = writeln!(text, "{line}");
}
