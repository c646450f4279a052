//! What the guarded requests of one worker thread share.

use super::cache::TokenCache;
use super::caller::Caller;
use super::confirm;
use super::inquiries::Inquiries;
use super::keyring::{Fetched, Keyring};
use super::metrics::{Event, GateMetrics};
use super::store::{Store, ratelimit};
use crate::alarm::{Alarm, AlarmCode};
use crate::clerk::key_error::KeyError;
use crate::clerk::keys::KeySet;
use crate::clerk::verify::Rules;
use crate::clerk::{pem, rs256};
use crate::config::{Configuration, Gate, Keys};
use crate::held::HeldRequests;
use crate::http::Outcome;
use crate::ids::Subject;
use crate::log_limit::TextLogLimit;
use crate::machine::InquiryId;
use crate::plan_table::PlanTable;
use crate::quota::Seed;
use crate::report::{MetricDefinition, Metrics, Report};
use crate::time::Micros;
use std::rc::Rc;

/// How many requests of a worker thread wait for keys at once. The first fetch takes two seconds at most.
pub(super) const WAITING_MAX: usize = 2048;

/// How many bytes are kept of them together. A token has about 1 KB.
pub(super) const WAITING_BYTES_MAX: usize = 4 << 20;

/// What the guarded requests of one worker thread share: configuration, keys, verified tokens, and where it is counted.
#[derive(Debug)]
pub struct Worker {
    pub(super) gate: Gate,
    pub(super) plans: PlanTable,
    pub(super) namespace: String,
    pub(super) keyring: Keyring,
    pub(super) inquiries: Inquiries<Purpose>,
    /// The requests that wait for keys, with their tokens.
    pub(super) waiting: HeldRequests,
    pub(super) rules: Rules,
    /// Checks signatures where the host does not.
    pub(super) rs256: Option<rs256::Check>,
    pub(super) tokens: TokenCache<Caller>,
    pub(super) confirmed: confirm::Memory,
    pub(super) metrics: GateMetrics,
    /// What was reported a moment ago.
    pub(super) reported: TextLogLimit,
    pub(super) store: Store,
}

/// Why the gate cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// `plan_gate.keys.pem` holds no usable key.
    #[error("plan_gate.keys.pem: {0}")]
    Key(#[from] KeyError),
}

impl Worker {
    /// A worker of this configuration. `seed` is drawn at random; only the first worker's is used.
    ///
    /// # Errors
    /// [`GateError`] if the keys cannot be used.
    pub fn new(configuration: Configuration<Gate>, seed: [u8; Seed::BYTES]) -> Result<Self, GateError> {
        let Configuration { namespace, plans, section: gate, .. } = configuration;
        let keyring = keyring(&gate.keys)?;
        let store = Store::new(&gate.store, &namespace, Seed::new(seed));
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
            waiting: HeldRequests::at_most(WAITING_MAX, WAITING_BYTES_MAX),
            rules,
            rs256: rs256::CHECK,
            tokens: TokenCache::default(),
            confirmed: confirm::Memory::default(),
            metrics,
            reported: TextLogLimit::default(),
            store,
        })
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
    /// How windows stand in envoyproxy/ratelimit.
    Windows {
        /// Where it is remembered.
        known: Rc<ratelimit::Known>,
        /// Which.
        question: ratelimit::Question,
    },
}

impl Worker {
    /// Takes what came of an inquiry.
    pub(super) fn settle(&mut self, now: Micros, inquiry: InquiryId, outcome: &Outcome<'_>) -> Vec<Report> {
        match self.inquiries.end(inquiry) {
            Some(Purpose::Keys) => self.keys_fetched(now, outcome),
            Some(Purpose::Record { subject, asked_at }) => self.record_read(now, subject, asked_at, outcome),
            Some(Purpose::Windows { known, question }) => self.windows_read(now, &known, &question, outcome),
            None => Vec::new(),
        }
    }

    fn keys_fetched(&mut self, now: Micros, outcome: &Outcome<'_>) -> Vec<Report> {
        match self.keyring.ended(outcome, now) {
            Fetched::Kept => vec![self.metrics.happened(Event::KeysFetched)],
            Fetched::Dropped => {
                self.tokens.clear();
                vec![self.metrics.happened(Event::KeysFetched)]
            }
            Fetched::Failed(cause) => {
                let keys_in_force = !self.keyring.is_empty();
                let (code, detail) = (AlarmCode::KeysUnavailable, cause.clone());
                let alarm =
                    if keys_in_force { Alarm::warning(code, detail) } else { Alarm::error(code, detail) };
                let alarm = alarm.with("cause", cause).with("keys_in_force", keys_in_force);
                vec![self.metrics.happened(Event::KeysFailed), alarm.into()]
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
