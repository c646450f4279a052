//! The local store's tables of counters, and the shared seed that all workers of the process use to locate
//! the counters.

mod counting;
mod loss_log;
mod reading;

pub(in crate::gate) use counting::LocalCounting;
#[cfg(test)]
pub(in crate::gate) use loss_log::{LossLog, LostCounters};
pub(in crate::gate) use reading::LocalReading;

use crate::machine::{Action, Input};
use crate::quota::{BucketTable, Callers, CounterKey, SWAP_TRIES_MAX, Seed};
use crate::shared::{Change, SharedUpdate, UpdateProgress};
use std::cell::{OnceCell, RefCell};

/// The tables of counters. Their keys depend on the shared seed.
#[derive(Debug)]
struct Tables {
    /// The counters of users and organizations.
    signed_in: BucketTable,
    /// The counters of client networks.
    anonymous: BucketTable,
}

impl Tables {
    /// Returns the key of an owner's counter for a limit. `owner` is the owner's bytes.
    fn key(&self, callers: Callers, owner: &[u8], limit: &str) -> CounterKey {
        let table = match callers {
            Callers::SignedIn => &self.signed_in,
            Callers::Anonymous => &self.anonymous,
        };
        table.key(owner, limit)
    }
}

/// The local store of one worker thread.
#[derive(Debug)]
pub(in crate::gate) struct LocalStore {
    namespace: String,
    own_seed: Seed,
    memory_mb: u64,
    tables: OnceCell<Tables>,
    loss_log: RefCell<loss_log::LossLog>,
}

/// The update that reads or writes the seed that all workers of the process share.
type SeedUpdate = SharedUpdate<Option<Seed>>;

/// The result of a step of a [`SeedUpdate`].
#[derive(Debug)]
enum SeedProgress {
    /// The host must perform an action first.
    Perform(Action),
    /// The seed and the tables are known.
    Known,
    /// The value under the seed's key is not a seed.
    Failed,
}

impl LocalStore {
    /// Creates a store in which the counters of signed-in callers take at most `memory_mb`. `own_seed`
    /// becomes the shared seed if this is the first worker of the process.
    pub(in crate::gate) fn new(namespace: &str, own_seed: Seed, memory_mb: u64) -> Self {
        let tables = OnceCell::new();
        LocalStore {
            namespace: namespace.to_owned(),
            own_seed,
            memory_mb,
            tables,
            loss_log: RefCell::default(),
        }
    }

    /// Starts to read the seed. Returns `None` if the tables are already known.
    fn find_seed(&self) -> Option<(SeedUpdate, Action)> {
        match self.tables.get() {
            Some(_) => None,
            None => Some(SharedUpdate::begin(Seed::shared_key(&self.namespace), SWAP_TRIES_MAX)),
        }
    }

    /// Reads the shared seed, or writes this worker's seed if there is none.
    fn seed(&self, update: &mut SeedUpdate, input: &Input<'_>) -> SeedProgress {
        let progress = update.handle(input, |value| match value {
            Some(value) => Change::Keep(Seed::from_shared(value)),
            None => Change::Write(self.own_seed.as_bytes().to_vec(), Some(self.own_seed)),
        });
        match progress {
            UpdateProgress::Continue(action) => SeedProgress::Perform(action),
            UpdateProgress::Done(Some(seed)) => {
                self.tables.get_or_init(|| self.create_tables(&seed));
                SeedProgress::Known
            }
            UpdateProgress::Done(None) | UpdateProgress::GaveUp(_) => SeedProgress::Failed,
        }
    }

    fn create_tables(&self, seed: &Seed) -> Tables {
        let table = |callers| BucketTable::new(&self.namespace, callers, seed, self.memory_mb);
        Tables { signed_in: table(Callers::SignedIn), anonymous: table(Callers::Anonymous) }
    }
}
