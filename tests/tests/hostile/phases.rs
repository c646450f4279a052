//! All phases of the attack test, one after the other.

use std::time::Duration;
use tollgate_tests::hostile::{AttackRun, MEMORY_MAX, Phase};
use tollgate_tests::install::workspace::progress;

/// The duration of each phase.
const PHASE: Duration = Duration::from_secs(11);
/// More than the caches of both workers hold together.
const TOKENS: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permitted_requests_are_served_during_attacks_and_no_others() {
    let run = AttackRun::start(TOKENS).await;
    for phase in Phase::ALL {
        let tally = run.run_phase(phase, PHASE).await;
        let megabytes = run.memory() / 1_000_000;
        progress(&format!("{phase:?}: {tally}; Envoy uses {megabytes} MB"));
        assert!(tally.attacks > 20 && tally.served > 20, "{phase:?}: too few requests: {tally}");
        assert!(run.memory() < MEMORY_MAX, "{phase:?}: Envoy uses {megabytes} MB");
    }
}
