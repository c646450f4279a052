//! The local store's tables of counters, and the seed by which all workers of the process find the same ones.

mod counting;
mod reading;

pub(in crate::gate) use counting::LocalCounting;
pub(in crate::gate) use reading::LocalReading;

use crate::machine::{Action, Input};
use crate::quota::{BucketTable, Callers, CounterKey, SWAP_TRIES_MAX, Seed};
use crate::shared::{Change, SharedUpdate, UpdateProgress};
use std::cell::OnceCell;

/// The tables of counters, once the seed that all workers share is known.
#[derive(Debug)]
struct Tables {
    /// Of users and organizations.
    signed_in: BucketTable,
    /// Of addresses.
    anonymous: BucketTable,
}

impl Tables {
    /// Returns where the counters of a limit are of whoever these bytes name.
    fn key(&self, callers: Callers, owner: &[u8], limit: &str) -> CounterKey {
        let table = match callers {
            Callers::SignedIn => &self.signed_in,
            Callers::Anonymous => &self.anonymous,
        };
        table.place(owner, limit)
    }
}

/// The local store, as one worker thread sees it.
#[derive(Debug)]
pub(in crate::gate) struct LocalStore {
    namespace: String,
    drawn_seed: Seed,
    memory_mb: u64,
    tables: OnceCell<Tables>,
}

/// Finding the seed that all workers of the process share.
type SeedUpdate = SharedUpdate<Option<Seed>>;

/// How far finding the seed has come.
#[derive(Debug)]
enum SeedProgress {
    /// The host must do something first.
    Perform(Action),
    /// It is known, and with it the tables.
    Known,
    /// Somebody else writes under its key.
    Failed,
}

impl LocalStore {
    /// A store of that namespace in which the counters of signed-in callers may take so many megabytes. `drawn_seed` is
    /// used if this is the first worker of the process.
    pub(in crate::gate) fn new(namespace: &str, drawn_seed: Seed, memory_mb: u64) -> Self {
        LocalStore { namespace: namespace.to_owned(), drawn_seed, memory_mb, tables: OnceCell::new() }
    }

    /// Begins to find the seed; `None` if the tables are known.
    fn find_seed(&self) -> Option<(SeedUpdate, Action)> {
        match self.tables.get() {
            Some(_) => None,
            None => Some(SharedUpdate::begin(Seed::shared_key(&self.namespace), SWAP_TRIES_MAX)),
        }
    }

    /// Takes the shared seed, or shares the one that was drawn here if there is none yet.
    fn seed(&self, update: &mut SeedUpdate, input: &Input<'_>) -> SeedProgress {
        let progress = update.handle(input, |value| match value {
            Some(value) => Change::Keep(Seed::from_shared(value)),
            None => Change::Write(self.drawn_seed.as_bytes().to_vec(), Some(self.drawn_seed)),
        });
        match progress {
            UpdateProgress::Continue(action) => SeedProgress::Perform(action),
            UpdateProgress::Done(Some(seed)) => {
                self.tables.get_or_init(|| self.tables_of(&seed));
                SeedProgress::Known
            }
            UpdateProgress::Done(None) | UpdateProgress::GaveUp(_) => SeedProgress::Failed,
        }
    }

    fn tables_of(&self, seed: &Seed) -> Tables {
        let table = |callers| BucketTable::new(&self.namespace, callers, seed, self.memory_mb);
        Tables { signed_in: table(Callers::SignedIn), anonymous: table(Callers::Anonymous) }
    }
}
