//! What the command prints, fit for a page, and what it writes as JSON.

use crate::figures::{Measured, Spread, bare};
use crate::footprint::Footprint;
use crate::load::Run;
use crate::machine;
use crate::options::Options;
use crate::verdict::{self, Verdict};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    date: String,
    machine: String,
    envoy: String,
    rounds: u32,
    seconds: u32,
    measured: Vec<Measured>,
    targets: Vec<Verdict>,
    footprint: Option<Vec<Footprint>>,
}

impl Report {
    pub(crate) fn new(
        options: &Options,
        measured: Vec<Measured>,
        footprint: Option<Vec<Footprint>>,
    ) -> Report {
        let targets = verdict::all(&measured);
        let Options { rounds, seconds, .. } = *options;
        let (date, machine, envoy) = (machine::today(), machine::words(), machine::envoy());
        Report { date, machine, envoy, rounds, seconds, measured, targets, footprint }
    }

    /// In Markdown.
    pub(crate) fn table(&self) -> String {
        let Report { date, machine, envoy, rounds, seconds, .. } = self;
        let mut text = format!(
            "{date}, Envoy {envoy}, one worker each, {rounds} rounds of {seconds} s by turns, wrk with 16 connections; \
             {machine}.\n\n"
        );
        self.guarded(&mut text);
        self.webhooks(&mut text);
        if !self.targets.is_empty() {
            text += "\n| target | at most | measured | |\n|---|---|---|---|\n";
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

    /// Requests that the gate would guard.
    fn guarded(&self, text: &mut String) {
        let bare = bare(&self.measured);
        *text += "| guarded requests | | added to a request, µs | × bare | requests/s | p50, p99, µs |\n\
                  |---|---|---|---|---|---|\n";
        for measured in self.measured.iter().filter(|measured| !measured.webhook) {
            let added = Spread::of(measured.added_us(bare));
            let ratio = measured.spread(Run::processor_us).median / bare.spread(Run::processor_us).median;
            let added = if measured.name == bare.name { "–".to_owned() } else { shown(added, 1) };
            let rest = measured.speed();
            line(
                text,
                &format!("| `{}` | {} | {added} | {ratio:.2} | {rest} |", measured.name, measured.about),
            );
        }
    }

    /// Events that came to the webhook, or to an application that does the same.
    fn webhooks(&self, text: &mut String) {
        let mut webhooks = self.measured.iter().filter(|measured| measured.webhook).peekable();
        if webhooks.peek().is_none() {
            return;
        }
        *text +=
            "\n| webhooks | | processor for each, µs | events/s | p50, p99, µs |\n|---|---|---|---|---|\n";
        for measured in webhooks {
            let processor = shown(measured.spread(Run::processor_us), 0);
            let rest = measured.speed();
            line(text, &format!("| `{}` | {} | {processor} | {rest} |", measured.name, measured.about));
        }
    }

    /// Writes all of it, each run included.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub(crate) fn write_json(&self, file: &Path) {
        let json = serde_json::to_vec_pretty(self).map_err(std::io::Error::other);
        let written = json.and_then(|json| std::fs::write(file, json));
        written.unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
    }
}

impl Measured {
    /// The last two columns.
    fn speed(&self) -> String {
        let per_second = self.spread(Run::per_second);
        let (half, most) = (self.spread(|run| run.p50_us as f64), self.spread(|run| run.p99_us as f64));
        format!("{} | {:.0}, {:.0}", shown(per_second, 0), half.median, most.median)
    }
}

fn shown(spread: Spread, decimals: usize) -> String {
    let Spread { median, min, max } = spread;
    format!("{median:.decimals$} ({min:.decimals$}–{max:.decimals$})")
}

fn line(text: &mut String, line: &str) {
    let _ = writeln!(text, "{line}");
}
