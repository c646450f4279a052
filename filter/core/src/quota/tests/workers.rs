//! Tests of concurrent workers: for any interleaving of loads and swaps, exactly the limit is admitted.

use super::{SharedBuckets, at, fingerprint, window};
use crate::plan_table::Period;
use crate::quota::fingerprint::Fingerprint;
use crate::quota::spend::{Decision, SWAP_TRIES_MAX, spend};
use proptest::prelude::*;

/// A worker between the steps of its requests.
#[derive(Clone)]
struct CountingWorker {
    fingerprint: Fingerprint,
    requests_left: u64,
    loaded: Option<SharedBuckets>,
    tries: u32,
    admitted: u64,
}

impl CountingWorker {
    fn new(subject: &str, requests: u64) -> Self {
        CountingWorker {
            fingerprint: fingerprint(subject),
            requests_left: requests,
            loaded: None,
            tries: 0,
            admitted: 0,
        }
    }

    /// Loads the bucket; in the next call, decides and swaps. Returns false once all requests are done.
    fn step(&mut self, shared: &mut SharedBuckets, limit: u64) -> bool {
        if self.requests_left == 0 {
            return false;
        }
        let Some(loaded) = self.loaded.take() else {
            self.loaded = Some(shared.clone());
            self.tries += 1;
            return true;
        };
        let plan = [window(limit, Period::Day)];
        let spending = spend(loaded.value.as_deref(), self.fingerprint, &plan, 1, at(0));
        let is_done = match spending.new_bytes {
            Some(bytes) => shared.swap(bytes, loaded.version),
            None => true,
        };
        if is_done {
            self.requests_left -= 1;
            self.tries = 0;
            self.admitted += u64::from(spending.decision == Decision::Admitted);
        }
        true
    }
}

proptest! {
    #[test]
    fn exactly_the_limit_is_admitted_for_any_interleaving(
        limit in 0_u64..40,
        requests in prop::collection::vec(0_u64..30, 2..5),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..400),
    ) {
        let mut shared = SharedBuckets::default();
        // One more worker has another subject in the same bucket.
        let mut workers: Vec<CountingWorker> = requests.iter().map(|n| CountingWorker::new("user_1", *n)).collect();
        workers.push(CountingWorker::new("user_2", 20));
        for turn in order {
            turn.get_mut(&mut workers).step(&mut shared, limit);
        }
        // If the order ends first, the workers continue in lockstep, where all but one lose each swap.
        loop {
            let busy = workers.iter_mut().filter_map(|worker| worker.step(&mut shared, limit).then_some(()));
            if busy.count() == 0 {
                break;
            }
        }
        let other = workers.pop().unwrap();
        prop_assert_eq!(other.admitted, limit.min(20));
        let admitted: u64 = workers.iter().map(|worker| worker.admitted).sum();
        prop_assert_eq!(admitted, limit.min(requests.iter().sum()));
    }
}

#[test]
fn dozens_of_workers_in_lockstep_stay_within_the_tries() {
    let mut shared = SharedBuckets::default();
    let mut workers = vec![CountingWorker::new("user_1", 1); usize::try_from(SWAP_TRIES_MAX).unwrap()];
    let mut most_tries = 0;
    while workers.iter_mut().filter_map(|worker| worker.step(&mut shared, 1_000).then_some(())).count() > 0 {
        most_tries = workers.iter().map(|worker| worker.tries).max().unwrap().max(most_tries);
    }
    assert_eq!(workers.iter().map(|worker| worker.admitted).sum::<u64>(), u64::from(SWAP_TRIES_MAX));
    assert_eq!(most_tries, SWAP_TRIES_MAX, "the worst case: one worker succeeds in each round");
}
