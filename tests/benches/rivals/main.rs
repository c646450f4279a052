//! `cargo bench`: what Tollgate costs, beside what does the same job, or a part of it, on the same Envoy.
//!
//! Each candidate has an Envoy of its own with one worker. Load comes by turns, a few seconds for each candidate, and
//! that some rounds long: what else the machine does strikes all alike. What counts is the processor time of a request,
//! in Envoy and in the services that it asks, over that of an Envoy without a filter in the same round.

mod candidates;
mod chain;
mod figures;
mod footprint;
mod load;
mod machine;
mod options;
mod processor;
mod report;
mod requests;
mod service;
mod verdict;
mod webhook;

use candidates::Candidate;
use figures::Measured;
use options::Options;
use requests::Sessions;
use tollgate_tests::workspace::progress;

#[tokio::main]
async fn main() {
    let options = Options::read();
    let load = load::Load::obtain();
    progress("signing session tokens");
    let sessions = Sessions::sign();
    let mut all = candidates::all(&sessions, &options).await;
    all.extend(webhook::all(&options).await);
    assert!(all.len() > 1, "no candidate's name begins like that; without --only all are measured");
    let measured = rounds(&all, &load, &options).await;
    drop(all); // the Envoys end
    let footprint = if options.only.is_empty() { Some(footprint::measure().await) } else { None };
    let report = report::Report::new(&options, measured, footprint);
    println!("{}", report.table());
    if let Some(file) = &options.json {
        report.write_json(file);
    }
}

/// Load on each candidate by turns.
async fn rounds(all: &[Candidate], load: &load::Load, options: &Options) -> Vec<Measured> {
    for candidate in all {
        progress(&format!("warming up: {}", candidate.name));
        load.run(candidate, options.warm_up_s()).await;
    }
    let mut measured: Vec<_> = all.iter().map(Measured::of).collect();
    for round in 1..=options.rounds {
        let mut turns: Vec<_> = all.iter().zip(&mut measured).collect();
        // There and back: a machine that becomes faster or slower meanwhile favours nobody.
        if round % 2 == 0 {
            turns.reverse();
        }
        for (candidate, measured) in turns {
            let run = load.run(candidate, options.seconds).await;
            progress(&format!(
                "round {round} of {}: {}: {:.0} requests a second, {:.1} µs of processor each",
                options.rounds,
                candidate.name,
                run.per_second(),
                run.processor_us()
            ));
            measured.runs.push(run);
        }
    }
    measured
}
