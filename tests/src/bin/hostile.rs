//! `cargo hostile`: a hostile day in full, with what Envoy holds of memory at each moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tollgate_tests::hostile::{Day, MEMORY_MAX, Phase};

/// Between two looks at the memory.
const LOOK: Duration = Duration::from_secs(10);
/// How many different tokens there are.
const TOKENS: usize = 10_000;
/// One sign for so much.
const SIGN_MB: u64 = 10;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let minutes = match (arguments.next().as_deref(), arguments.next().map(|n| n.parse::<u32>())) {
        (None, _) => 10,
        (Some("--minutes"), Some(Ok(minutes))) if minutes > 0 => minutes,
        _ => {
            eprintln!("usage: cargo hostile [--minutes N]     10 unless said otherwise");
            std::process::exit(2);
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run(Duration::from_secs(60) * minutes));
}

async fn run(length: Duration) {
    println!("starting the gateway and signing {TOKENS} tokens");
    let day = Day::begin(TOKENS).await;
    let phases = u32::try_from(Phase::ALL.len()).expect("a few");
    let (began, ended) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let watched = (Arc::clone(&day), Arc::clone(&ended));
    let watch = tokio::spawn(async move {
        let (day, ended) = watched;
        let mut most = 0;
        while !ended.load(Ordering::Relaxed) {
            let bytes = day.memory();
            most = bytes.max(most);
            println!("{}", line(began.elapsed(), bytes));
            tokio::time::sleep(LOOK).await;
        }
        most
    });
    // Twice, as what leaks does so again.
    for round in 1..=2 {
        for phase in Phase::ALL {
            let tally = day.suffer(phase, length / phases / 2).await;
            println!("        {phase:?}, round {round}: {tally}");
        }
    }
    ended.store(true, Ordering::Relaxed);
    let most = watch.await.expect("it only looks");
    let (most, bound) = (most / 1_000_000, MEMORY_MAX / 1_000_000);
    println!("no wrong answer, no VM has crashed; Envoy held {most} MB at most, of {bound} MB that it may");
    assert!(most < bound, "more memory than it may hold");
}

fn line(elapsed: Duration, bytes: u64) -> String {
    let (minutes, seconds) = (elapsed.as_secs() / 60, elapsed.as_secs() % 60);
    let megabytes = bytes / 1_000_000;
    let signs = "#".repeat(usize::try_from(megabytes / SIGN_MB).unwrap_or_default());
    format!("{minutes:>3}:{seconds:02}  {megabytes:>4} MB  {signs}")
}
