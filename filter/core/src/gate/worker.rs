//! What the guarded requests of one worker thread share.

use super::cache::TokenCache;
use super::caller::Caller;
use super::confirm;
use super::inquiries::Inquiries;
use super::keyring::{Fetched, Keyring};
use super::metrics::{Event, GateMetrics};
use crate::clerk::key_error::KeyError;
use crate::clerk::keys::KeySet;
use crate::clerk::verify::Rules;
use crate::clerk::{pem, rs256};
use crate::config::{Configuration, Gate, Keys, Store};
use crate::http::Outcome;
use crate::ids::Subject;
use crate::machine::{Action, InquiryId, Version};
use crate::plan_table::PlanTable;
use crate::quota::{BucketTable, Callers, Seed};
use crate::report::{Level, MetricDefinition, Metrics, Report};
use crate::time::Micros;
use serde::Serialize;

/// What the guarded requests of one worker thread share: configuration, keys, verified tokens, and where counters are.
#[derive(Debug)]
pub struct Worker {
    pub(super) gate: Gate,
    pub(super) plans: PlanTable,
    pub(super) namespace: String,
    pub(super) keyring: Keyring,
    pub(super) inquiries: Inquiries<Purpose>,
    pub(super) rules: Rules,
    /// Checks signatures where the host does not.
    pub(super) rs256: Option<rs256::Check>,
    pub(super) tokens: TokenCache<Caller>,
    pub(super) confirmed: confirm::Memory,
    pub(super) metrics: GateMetrics,
    pub(super) counters: Option<Counters>,
    drawn_seed: Seed,
    /// How much memory the counters of signed-in callers may take, in megabytes.
    memory_mb: u64,
}

/// The tables of counters, once the seed that all workers share is known.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) signed_in: BucketTable,
    pub(super) anonymous: BucketTable,
}

impl Counters {
    pub(super) fn new(namespace: &str, seed: &Seed, memory_mb: u64) -> Self {
        Counters {
            signed_in: BucketTable::new(namespace, Callers::SignedIn, seed, memory_mb),
            anonymous: BucketTable::new(namespace, Callers::Anonymous, seed, memory_mb),
        }
    }
}

/// Why the gate cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// `plan_gate.keys.pem` holds no usable key.
    #[error("plan_gate.keys.pem: {0}")]
    Key(#[from] KeyError),
    /// What this version does not do yet. Refused, since leaving it out would change who gets in.
    #[error("{path}: this version of Tollgate does not have it yet; {cure}")]
    NotYet {
        /// Where it stands in the document.
        path: &'static str,
        /// What to write instead.
        cure: &'static str,
    },
}

impl Worker {
    /// A worker of this configuration. `seed` is drawn at random; only the first worker's is used.
    ///
    /// # Errors
    /// [`GateError`] if the keys cannot be used, or something is configured that this version does not do.
    pub fn new(configuration: Configuration<Gate>, seed: [u8; Seed::BYTES]) -> Result<Self, GateError> {
        let Configuration { namespace, plans, section: gate, .. } = configuration;
        let keyring = keyring(&gate.keys)?;
        let Store::Local { memory_mb } = gate.store else {
            return Err(GateError::NotYet { path: "plan_gate.store.ratelimit", cure: "use `store: local`" });
        };
        let rules = Rules {
            issuer: gate.issuer.clone(),
            authorized_parties: gate.authorized_parties.clone(),
            require_azp: gate.require_azp,
            audience: gate.audience.clone(),
            clock_skew: gate.clock_skew,
        };
        let metrics = GateMetrics::new(gate.rules.iter().map(|rule| rule.name.clone()));
        Ok(Worker {
            gate,
            plans,
            namespace,
            keyring,
            inquiries: Inquiries::default(),
            rules,
            rs256: rs256::CHECK,
            tokens: TokenCache::default(),
            confirmed: confirm::Memory::default(),
            metrics,
            counters: None,
            drawn_seed: Seed::new(seed),
            memory_mb,
        })
    }
}

/// Whether the tables of counters are known.
#[derive(Debug)]
pub(super) enum Seeding {
    /// They are.
    Done,
    /// Shared data must be asked first.
    Ask(Action),
    /// Somebody else writes under the seed's key.
    Failed,
}

impl Worker {
    /// Begins to find the seed that all workers of the process share, unless it was found before.
    pub(super) fn seeding(&self) -> Seeding {
        match self.counters {
            Some(_) => Seeding::Done,
            None => Seeding::Ask(Action::Load { key: Seed::shared_key(&self.namespace) }),
        }
    }

    /// Takes the shared seed, or offers the one that was drawn here if there is none yet.
    pub(super) fn seed_loaded(&mut self, value: Option<&[u8]>) -> Seeding {
        let Some(value) = value else {
            let (key, value) = (Seed::shared_key(&self.namespace), self.drawn_seed.as_bytes().to_vec());
            return Seeding::Ask(Action::Swap { key, value, version: Version::ABSENT });
        };
        match Seed::from_shared(value) {
            Some(seed) => {
                self.counters = Some(Counters::new(&self.namespace, &seed, self.memory_mb));
                Seeding::Done
            }
            None => Seeding::Failed,
        }
    }

    /// Uses the seed that was drawn here, or loads the one of the worker that was faster.
    pub(super) fn seed_swapped(&mut self, stored: bool) -> Seeding {
        if stored {
            self.counters = Some(Counters::new(&self.namespace, &self.drawn_seed, self.memory_mb));
        }
        self.seeding()
    }
}

/// What an inquiry is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The keys.
    Keys,
    /// Clerk's own record of a subject.
    Record {
        /// Of whom.
        subject: Subject,
        /// Since when.
        asked_at: Micros,
    },
}

impl Worker {
    /// Takes what came of an inquiry.
    pub(super) fn settle(&mut self, now: Micros, inquiry: InquiryId, outcome: &Outcome<'_>) -> Vec<Report> {
        match self.inquiries.end(inquiry) {
            Some(Purpose::Keys) => self.keys_fetched(now, outcome),
            Some(Purpose::Record { subject, asked_at }) => self.record_read(now, subject, asked_at, outcome),
            None => Vec::new(),
        }
    }

    fn keys_fetched(&mut self, now: Micros, outcome: &Outcome<'_>) -> Vec<Report> {
        #[derive(Serialize)]
        struct Line<'a> {
            alarm: &'static str,
            cause: &'a str,
            keys_in_force: bool,
        }
        match self.keyring.ended(outcome, now) {
            Fetched::Kept => vec![self.metrics.happened(Event::KeysFetched)],
            Fetched::Dropped => {
                self.tokens.clear();
                vec![self.metrics.happened(Event::KeysFetched)]
            }
            Fetched::Failed(cause) => {
                let keys_in_force = !self.keyring.is_empty();
                let level = if keys_in_force { Level::Warn } else { Level::Error };
                let line = Line { alarm: "keys_unavailable", cause: &cause, keys_in_force };
                vec![self.metrics.happened(Event::KeysFailed), Report::json(level, &line)]
            }
        }
    }
}

impl Metrics for Worker {
    fn metrics(&self) -> Vec<MetricDefinition> {
        self.metrics.definitions()
    }
}

fn keyring(keys: &Keys) -> Result<Keyring, GateError> {
    match keys {
        Keys::Pem(texts) => {
            let mut parsed = Vec::new();
            for text in texts {
                parsed.extend(pem::parse(text)?);
            }
            Ok(Keyring::fixed(KeySet::new(parsed)))
        }
        Keys::Jwks { upstream, path } => Ok(Keyring::fetched(upstream, path)),
    }
}
