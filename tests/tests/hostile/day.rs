//! All phases, one after the other.

use std::time::Duration;
use tollgate_tests::hostile::{Day, MEMORY_MAX, Phase};
use tollgate_tests::install::workspace::progress;

/// How long each lasts.
const PHASE: Duration = Duration::from_secs(11);
/// More than both workers together remember.
const TOKENS: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_is_served_all_day_and_nobody_else_is() {
    let day = Day::begin(TOKENS).await;
    for phase in Phase::ALL {
        let tally = day.suffer(phase, PHASE).await;
        let megabytes = day.memory() / 1_000_000;
        progress(&format!("{phase:?}: {tally}; Envoy holds {megabytes} MB"));
        assert!(tally.attacks > 20 && tally.served > 20, "{phase:?}: hardly anything happened: {tally}");
        assert!(day.memory() < MEMORY_MAX, "{phase:?}: Envoy holds {megabytes} MB");
    }
}
