//! The state of authentication that the requests of one worker thread share.

use super::error::AuthError;
use super::keyring::{KeyFetch, Keyring};
use super::keys::rs256::{self, Rs256Check};
use super::keys::{KeyError, KeySet, pem};
use super::refusal_log::RefusalLog;
use super::token::{Session, TokenError, TokenRules};
use super::token_cache::TokenCache;
use crate::alarm::{Alarm, AlarmCode};
use crate::held::HeldRequests;
use crate::http::Outcome;
use crate::log_limit::LogLimit;
use crate::machine::InquiryId;
use crate::report::Report;
use crate::time::Micros;
use crate::upstream::Upstream;
use std::rc::Rc;

/// The maximum number of requests of a worker thread that wait for keys at once. One fetch serves all of
/// them.
const WAITING_MAX: usize = 2_048;

/// The maximum number of bytes of tokens and header fields that the waiting requests may hold.
const WAITING_BYTES_MAX: usize = 4 << 20;

/// The source of the keys that sign tokens.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Public keys in PEM, with or without header lines. At least one.
    Pem(Vec<String>),
    /// The instance's JSON Web Key Set.
    Jwks {
        /// The API. It has no base path, and an API key only if it is the Backend API, whose set is not
        /// public.
        upstream: Upstream,
        /// The path of the set.
        path: String,
    },
}

/// The state of authentication that the requests of one worker thread share. `V` is what the filter keeps of
/// a verified token.
#[derive(Debug)]
pub(crate) struct AuthState<V> {
    /// Whether the token may be in a cookie.
    pub(super) cookie: bool,
    pub(super) rules: TokenRules,
    pub(super) keyring: Keyring,
    /// The module's own verification, for hosts without one.
    pub(super) rs256: Option<Rs256Check>,
    /// The requests that wait for keys, with their tokens.
    pub(super) waiting: HeldRequests,
    tokens: TokenCache<V>,
    refusals: RefusalLog,
    /// Limits the log lines about failed fetches of the keys, which clients can cause.
    fetch_failure_logged: LogLimit,
}

/// The result of a fetch of the keys.
#[derive(Debug)]
pub(crate) enum KeyFetchResult {
    /// The fetched keys are in force.
    Fetched,
    /// The earlier keys stay in force. The alarm is due at most once a minute.
    Failed(Option<Report>),
}

impl<V> AuthState<V> {
    /// Creates a state without any verified token.
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
            refusals: RefusalLog::default(),
            fetch_failure_logged: LogLimit::default(),
        })
    }

    /// Records that the inquiry that fetches the keys has started.
    pub(crate) fn fetch_started(&mut self, inquiry: InquiryId, now: Micros) {
        self.keyring.fetch_started(inquiry, now);
    }

    /// Handles the outcome of fetching the keys. If a key is no longer in force, all cached tokens are
    /// removed.
    pub(crate) fn handle_fetched_keys(&mut self, outcome: &Outcome<'_>, now: Micros) -> KeyFetchResult {
        match self.keyring.handle_fetched_keys(outcome, now) {
            KeyFetch::Kept => KeyFetchResult::Fetched,
            KeyFetch::Dropped => {
                self.tokens.clear();
                KeyFetchResult::Fetched
            }
            KeyFetch::Failed(error) => KeyFetchResult::Failed(self.fetch_failed(error.to_string(), now)),
        }
    }

    /// Returns the alarm about a refused token, if there is one and it is due. `received` is that of
    /// [`AuthProgress::Failed`](super::AuthProgress::Failed).
    pub(crate) fn refusal_alarm(
        &mut self,
        error: AuthError,
        received: Option<&str>,
        now: Micros,
    ) -> Option<Report> {
        self.refusals.alarm(error, received, &self.rules, &self.keyring, now)
    }

    fn fetch_failed(&mut self, why: String, now: Micros) -> Option<Report> {
        if !self.fetch_failure_logged.is_due(now) {
            return None;
        }
        let keys_in_force = !self.keyring.is_empty();
        let new = if keys_in_force { Alarm::warning } else { Alarm::error };
        let cause = format!("the keys that sign session tokens could not be fetched: {why}");
        let alarm = new(AlarmCode::KeysUnavailable, cause, "check the cluster of `keys.jwks`");
        Some(alarm.with("cause", why).with("keys_in_force", keys_in_force).into())
    }
}

impl<V: AsRef<Session>> AuthState<V> {
    /// Caches the value of a verified token, and returns it.
    pub(crate) fn remember(&mut self, token: &[u8], value: V) -> Rc<V> {
        let value = Rc::new(value);
        self.tokens.insert(token, Rc::clone(&value));
        value
    }

    /// Returns the value of a cached token, or `None` if it is not in the cache. If it is no longer valid,
    /// the error is returned and the token is dropped from the cache.
    pub(crate) fn remembered(&mut self, token: &[u8], now: Micros) -> Option<Result<Rc<V>, TokenError>> {
        let value = self.tokens.get(token)?;
        let result = self.rules.check((*value).as_ref(), now);
        if result.is_err() {
            self.tokens.remove(token);
        }
        Some(result.map(|()| value))
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
