//! `cargo bench`: the cost of Tollgate compared with other software that does the same job, or a part of it.
//!
//! Each candidate has a separate Envoy with one worker. Candidates get load in turns of some milliseconds, in
//! order and then in reverse order, so that other work of the machine affects all of them alike. The result
//! is the processor time of a request, on Envoy's worker thread and in the services that it calls, minus that
//! of an Envoy without a filter in the same round.
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic on a closed pipe.

mod candidates;
mod chain;
mod connections;
mod figures;
mod footprint;
mod machine;
mod options;
mod processor;
mod report;
mod requests;
mod service;
mod turns;
mod verdict;
mod webhook;

use options::Options;
use requests::Sessions;
use tollgate_tests::install::workspace::{print_line, progress};

#[tokio::main]
async fn main() {
    let options = Options::read();
    progress("signing session tokens");
    let sessions = Sessions::sign();
    let mut runs = Vec::new();
    for run in 1..=options.runs {
        progress(&format!("run {run} of {}", options.runs));
        let mut all = candidates::all(&sessions, &options).await;
        all.extend(webhook::all(&options).await);
        assert!(all.len() > 1, "no candidate's name starts with that; without --only, all are measured");
        runs.push(turns::run(&all, &options));
    }
    let footprint = if options.only.is_empty() { Some(footprint::measure().await) } else { None };
    let report = report::Report::new(&options, runs, footprint);
    print_line(&report.table());
    if let Some(file) = &options.json {
        report.write_json(file);
    }
}
