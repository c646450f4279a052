//! What the requests of one worker thread share to find out who calls.

use super::keyring::{KeyFetch, Keyring};
use super::keys::rs256::{self, Rs256Check};
use super::keys::{KeyError, KeySet, pem};
use super::token::{Session, TokenError, TokenRules};
use super::token_cache::TokenCache;
use crate::alarm::{Alarm, AlarmCode};
use crate::held::HeldRequests;
use crate::http::Outcome;
use crate::machine::InquiryId;
use crate::report::Report;
use crate::time::Micros;
use crate::upstream::Upstream;
use std::rc::Rc;

/// How many requests of a worker thread wait for keys at once. Keys are fetched once for all of them.
const WAITING_MAX: usize = 2_048;

/// How many bytes of tokens and header fields the waiting requests may hold.
const WAITING_BYTES_MAX: usize = 4 << 20;

/// Where the keys that sign tokens are.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Public keys in PEM, header lines or not. At least one.
    Pem(Vec<String>),
    /// The instance's JSON Web Key Set.
    Jwks {
        /// Where it is. There is no base path, and an API key only for the Backend API, whose set is not public.
        upstream: Upstream,
        /// Its path.
        path: String,
    },
}

/// What the requests of one worker thread share to find out who calls. `V` is what the filter keeps of a verified token.
#[derive(Debug)]
pub(crate) struct AuthState<V> {
    /// Whether a token may come in a cookie.
    pub(super) cookie: bool,
    pub(super) rules: TokenRules,
    pub(super) keyring: Keyring,
    /// Checks signatures where the host does not.
    pub(super) rs256: Option<Rs256Check>,
    /// The requests that wait for keys, with their tokens.
    pub(super) waiting: HeldRequests,
    tokens: TokenCache<V>,
}

/// What came of fetching the keys.
#[derive(Debug)]
pub(crate) enum KeyFetchResult {
    /// The keys in force are those that were fetched.
    Fetched,
    /// The keys are as they were, and the report says why.
    Failed(Report),
}

impl<V> AuthState<V> {
    /// Returns a state in which nothing was verified yet.
    ///
    /// # Errors
    /// [`KeyError`] if a PEM text holds no usable key.
    pub(crate) fn new(keys: &KeySource, rules: TokenRules, cookie: bool) -> Result<Self, KeyError> {
        Ok(AuthState {
            cookie,
            rules,
            keyring: keyring(keys)?,
            rs256: rs256::CHECK,
            waiting: HeldRequests::at_most(WAITING_MAX, WAITING_BYTES_MAX),
            tokens: TokenCache::default(),
        })
    }

    /// Notes that the keys are being fetched, by that inquiry.
    pub(crate) fn fetch_began(&mut self, inquiry: InquiryId, now: Micros) {
        self.keyring.began(inquiry, now);
    }

    /// Takes the outcome of fetching the keys. What a key signed that is no longer in force is forgotten.
    pub(crate) fn fetch_ended(&mut self, outcome: &Outcome<'_>, now: Micros) -> KeyFetchResult {
        match self.keyring.ended(outcome, now) {
            KeyFetch::Kept => KeyFetchResult::Fetched,
            KeyFetch::Dropped => {
                self.tokens.clear();
                KeyFetchResult::Fetched
            }
            KeyFetch::Failed(error) => KeyFetchResult::Failed(self.fetch_failed(error.to_string())),
        }
    }

    fn fetch_failed(&self, cause: String) -> Report {
        let keys_in_force = !self.keyring.is_empty();
        let (code, detail) = (AlarmCode::KeysUnavailable, cause.clone());
        let alarm = if keys_in_force { Alarm::warning(code, detail) } else { Alarm::error(code, detail) };
        alarm.with("cause", cause).with("keys_in_force", keys_in_force).into()
    }
}

impl<V: AsRef<Session>> AuthState<V> {
    /// Keeps what a filter learned from a token that was verified, and returns it.
    pub(crate) fn remember(&mut self, token: &[u8], value: V) -> Rc<V> {
        let value = Rc::new(value);
        self.tokens.insert(token, Rc::clone(&value));
        value
    }

    /// Returns what was learned from a token that was verified before, or why it no longer holds; it is forgotten then.
    pub(crate) fn remembered(&mut self, token: &[u8], now: Micros) -> Option<Result<Rc<V>, TokenError>> {
        let value = self.tokens.get(token)?;
        let verdict = self.rules.check((*value).as_ref(), now);
        if verdict.is_err() {
            self.tokens.remove(token);
        }
        Some(verdict.map(|()| value))
    }
}

fn keyring(keys: &KeySource) -> Result<Keyring, KeyError> {
    match keys {
        KeySource::Pem(texts) => {
            let mut parsed = Vec::new();
            for text in texts {
                parsed.extend(pem::parse(text)?);
            }
            Ok(Keyring::fixed(KeySet::new(parsed)))
        }
        KeySource::Jwks { upstream, path } => Ok(Keyring::fetched(upstream, path)),
    }
}
