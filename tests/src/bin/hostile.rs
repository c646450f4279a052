//! `cargo hostile`: runs all phases of the attack test in full, and prints Envoy's memory over time.
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic on a closed pipe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tollgate_tests::hostile::{AttackRun, MEMORY_MAX, Phase};
use tollgate_tests::install::workspace::{print_error_line, print_line};

/// The time between two readings of the memory.
const MEMORY_INTERVAL: Duration = Duration::from_secs(10);
/// The number of different tokens of the attackers.
const TOKENS: usize = 10_000;
/// The memory that one `#` in the output stands for, in MB.
const SIGN_MB: u64 = 10;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let minutes = match (arguments.next().as_deref(), arguments.next().map(|n| n.parse::<u32>())) {
        (None, _) => 10,
        (Some("--minutes"), Some(Ok(minutes))) if minutes > 0 => minutes,
        _ => {
            print_error_line("usage: cargo hostile [--minutes N]     the default is 10");
            std::process::exit(2);
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run(Duration::from_secs(60) * minutes));
}

async fn run(length: Duration) {
    print_line(&format!("starting the gateway and signing {TOKENS} tokens"));
    let run = AttackRun::start(TOKENS).await;
    let phases = u32::try_from(Phase::ALL.len()).expect("a few");
    let (started, ended) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let watched = (Arc::clone(&run), Arc::clone(&ended));
    let watch = tokio::spawn(async move {
        let (run, ended) = watched;
        let mut highest = 0;
        while !ended.load(Ordering::Relaxed) {
            let bytes = run.memory();
            highest = bytes.max(highest);
            print_line(&line(started.elapsed(), bytes));
            tokio::time::sleep(MEMORY_INTERVAL).await;
        }
        highest
    });
    // Twice, since a leak grows in the second round too.
    for round in 1..=2 {
        for phase in Phase::ALL {
            let tally = run.run_phase(phase, length / phases / 2).await;
            print_line(&format!("        {phase:?}, round {round}: {tally}"));
        }
    }
    ended.store(true, Ordering::Relaxed);
    let highest = watch.await.expect("a task that only reads");
    let (highest, bound) = (highest / 1_000_000, MEMORY_MAX / 1_000_000);
    print_line(&format!(
        "no wrong response, no VM crashed; Envoy used at most {highest} MB of {bound} MB allowed"
    ));
    assert!(highest < bound, "more memory than allowed");
}

fn line(elapsed: Duration, bytes: u64) -> String {
    let (minutes, seconds) = (elapsed.as_secs() / 60, elapsed.as_secs() % 60);
    let megabytes = bytes / 1_000_000;
    let signs = "#".repeat(usize::try_from(megabytes / SIGN_MB).unwrap_or_default());
    format!("{minutes:>3}:{seconds:02}  {megabytes:>4} MB  {signs}")
}
