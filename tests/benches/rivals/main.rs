//! `cargo bench`: what Tollgate costs, beside what does the same job, or a part of it, on the same Envoy.
//!
//! Each candidate has an Envoy of its own with one worker. Load comes by turns of some milliseconds, there
//! and back, so that whatever else the machine does disturbs all alike. What counts is the processor time of
//! a request, on Envoy's worker thread and in the services that it asks, over that of an Envoy without a
//! filter in the same round.

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
use tollgate_tests::install::workspace::progress;

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
        assert!(all.len() > 1, "no candidate's name begins like that; without --only all are measured");
        runs.push(turns::run(&all, &options));
    }
    let footprint = if options.only.is_empty() { Some(footprint::measure().await) } else { None };
    let report = report::Report::new(&options, runs, footprint);
    println!("{}", report.table());
    if let Some(file) = &options.json {
        report.write_json(file);
    }
}
