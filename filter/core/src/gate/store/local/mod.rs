//! The local store's tables of counters, and the seed by which all workers of the process find the same ones.

mod counting;
mod reading;

pub(in crate::gate) use counting::LocalCounting;
pub(in crate::gate) use reading::LocalReading;

use crate::machine::{Action, Input, Version};
use crate::quota::{BucketTable, Callers, Seed};
use std::cell::OnceCell;

/// The tables of counters, once the seed that all workers share is known.
#[derive(Debug)]
pub(in crate::gate) struct Tables {
    /// Of users and organisations.
    pub(in crate::gate) signed_in: BucketTable,
    /// Of addresses.
    pub(in crate::gate) anonymous: BucketTable,
}

/// The local store, as one worker thread sees it.
#[derive(Debug)]
pub(in crate::gate) struct LocalStore {
    namespace: String,
    drawn_seed: Seed,
    memory_mb: u64,
    tables: OnceCell<Tables>,
}

/// Whether the tables are known.
#[derive(Debug)]
enum Seeding {
    /// They are.
    Done,
    /// Shared data must be asked first.
    Ask(Action),
    /// Somebody else writes under the seed's key.
    Failed,
}

impl LocalStore {
    /// A store of that namespace in which the counters of signed-in callers may take so many megabytes. `drawn_seed` is
    /// used if this is the first worker of the process.
    pub(in crate::gate) fn new(namespace: &str, drawn_seed: Seed, memory_mb: u64) -> Self {
        LocalStore { namespace: namespace.to_owned(), drawn_seed, memory_mb, tables: OnceCell::new() }
    }

    /// Begins to find the seed that all workers of the process share, unless it was found before.
    fn seeding(&self) -> Seeding {
        match self.tables.get() {
            Some(_) => Seeding::Done,
            None => Seeding::Ask(Action::Load { key: Seed::shared_key(&self.namespace) }),
        }
    }

    /// Takes the shared seed, or offers the one that was drawn here if there is none yet.
    fn seed(&self, input: &Input<'_>) -> Seeding {
        match *input {
            Input::Loaded { value: Some(value), .. } => match Seed::from_shared(value) {
                Some(seed) => {
                    self.tables.get_or_init(|| self.tables_of(&seed));
                    Seeding::Done
                }
                None => Seeding::Failed,
            },
            Input::Loaded { value: None, .. } => {
                let (key, value) = (Seed::shared_key(&self.namespace), self.drawn_seed.as_bytes().to_vec());
                Seeding::Ask(Action::Swap { key, value, version: Version::ABSENT })
            }
            Input::Swapped { stored } => {
                if stored {
                    self.tables.get_or_init(|| self.tables_of(&self.drawn_seed));
                }
                self.seeding()
            }
            _ => Seeding::Ask(Action::Wait),
        }
    }

    fn tables_of(&self, seed: &Seed) -> Tables {
        let table = |callers| BucketTable::new(&self.namespace, callers, seed, self.memory_mb);
        Tables { signed_in: table(Callers::SignedIn), anonymous: table(Callers::Anonymous) }
    }
}
