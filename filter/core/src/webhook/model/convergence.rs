//! The law of convergence: whatever order, duplicate, delay, failure or death, in the end Clerk holds the truth, and
//! no plan that was paid for throughout is ever taken away.

use super::gateway::configuration;
use super::schedule::Schedule;
use serde_json::Value;

const SCHEDULES: u64 = 10_000;
const THREADS: u64 = 4;

/// Another number of schedules, and where their seeds begin: `TOLLGATE_SCHEDULES=1000000`, `TOLLGATE_SEED=77`.
fn setting(name: &str) -> Option<u64> {
    std::env::vars().find(|(known, _)| known == name).map(|(_, value)| value.parse().unwrap())
}

#[test]
fn clerk_holds_the_truth_in_the_end_and_no_paid_plan_is_lost() {
    let first = setting("TOLLGATE_SEED");
    let schedules = setting("TOLLGATE_SCHEDULES").unwrap_or(if first.is_some() { 1 } else { SCHEDULES });
    let first = first.unwrap_or_default();
    let failed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || first_failure(first + thread, first + schedules)))
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).min()
    });
    let Some((seed, failures, why)) = failed else { return };
    let mut schedule = Schedule::new(seed, &configuration(Value::Null), true);
    let _ = schedule.run();
    let trace = schedule.trace.join("\n");
    panic!("{trace}\n{why}\n{failures} failures in its thread; TOLLGATE_SEED={seed} runs this one alone");
}

/// The first seed that breaks a law, how many of the thread's do, and which law.
fn first_failure(first: u64, end: u64) -> Option<(u64, usize, String)> {
    let configuration = configuration(Value::Null);
    let step = usize::try_from(THREADS).unwrap();
    let mut failures = (first..end).step_by(step).filter_map(|seed| {
        let why = Schedule::new(seed, &configuration, false).run().err()?;
        Some((seed, why))
    });
    let (seed, why) = failures.next()?;
    Some((seed, 1 + failures.count(), why))
}
