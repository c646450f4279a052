//! The keys in force: fixed keys, or the instance's key set, which is fetched repeatedly. Decides what to do
//! for a token's `kid`, but sends nothing itself.
//!
//! One fetch serves all requests of a worker thread. Only requests that need a key of the new set wait for
//! it: an old set is refreshed in the background, and stays in force while fetches fail.

use crate::auth::keys::jwks::{self, JwksError};
use crate::auth::keys::{KeySet, PublicKey};
use crate::http::{Callout, CalloutError, Outcome, Request};
use crate::machine::InquiryId;
use crate::time::Micros;
use crate::upstream::Upstream;
use std::collections::VecDeque;
use std::time::Duration;

/// The age at which a set is fetched again, as in `@clerk/backend`. Tokens of a key that Clerk has removed
/// are accepted for at most this long.
const REFRESH_AFTER: Duration = Duration::from_secs(300);

/// The minimum time between two fetches, for any `kid`s that clients send. A new key may be unknown for this
/// long.
const FETCH_EVERY: Duration = Duration::from_secs(5);

/// The minimum time between two fetches while there is no key at all and every request is refused.
const FIRST_FETCH_EVERY: Duration = Duration::from_secs(1);

/// The duration for which a `kid` that a new set does not have counts as unknown without another fetch.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);

/// The maximum number of unknown `kid`s to remember; beyond that, the oldest is forgotten.
const UNKNOWN_MAX: usize = 64;

/// The longest unknown `kid` to remember, in bytes. Clerk's have about 30.
const UNKNOWN_BYTES_MAX: usize = 128;

/// The keys in force.
#[derive(Debug)]
pub(super) struct Keyring {
    keys: KeySet,
    source: Option<Source>,
}

/// The source of a fetched key set, and the state of its fetches.
#[derive(Debug)]
struct Source {
    callout: Callout,
    fetching: Option<InquiryId>,
    started_at: Option<Micros>,
    fetched_at: Option<Micros>,
    failed: bool,
    /// The key ids that Clerk's set did not have, and when it was fetched.
    unknown: VecDeque<(String, Micros)>,
}

/// The next step for a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// Try these keys.
    Keys(VecDeque<PublicKey>),
    /// Start a fetch of the set, and look up the key again; the token may not have to wait for it.
    Fetch(Callout),
    /// Wait for the fetch that is in progress, and look up the key again.
    Await(InquiryId),
    /// Refuse the token: no key of the instance can have signed it.
    Unknown,
    /// Report that the keys are unavailable: the set could not be fetched.
    Unavailable,
}

/// The result of a fetch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyFetch {
    /// All earlier keys are still in force.
    Kept,
    /// A key is no longer in force, so tokens that it signed are no longer valid.
    Dropped,
    /// The fetch failed, and the old keys stay in force.
    Failed(KeyFetchError),
}

/// An error of a fetch of the key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyFetchError {
    /// There is no response.
    #[error("{0}")]
    Callout(#[from] CalloutError),
    /// The response has another status than 200.
    #[error("the response has status {0}")]
    Status(u16),
    /// The body is not a usable key set.
    #[error("{0}")]
    Jwks(#[from] JwksError),
}

/// Returns the request for the key set at this path.
pub(crate) fn key_set_callout(upstream: &Upstream, path: &str) -> Callout {
    let mut headers = vec![("accept", "application/json".to_owned())];
    if let Some(key) = &upstream.authorization {
        headers.push(("authorization", ["Bearer ", key.expose()].concat()));
    }
    let request = Request::Http {
        method: "GET",
        authority: upstream.authority.clone(),
        path: path.to_owned(),
        headers,
        body: Vec::new(),
    };
    Callout { cluster: upstream.cluster.clone(), timeout: upstream.timeout, request }
}

impl Keyring {
    /// Creates a keyring of fixed keys.
    pub(super) fn fixed(keys: KeySet) -> Self {
        Keyring { keys, source: None }
    }

    /// Creates a keyring whose keys are fetched from `upstream` when the first token arrives.
    pub(super) fn fetched(upstream: &Upstream, path: &str) -> Self {
        let callout = key_set_callout(upstream, path);
        let source = Source {
            callout,
            fetching: None,
            started_at: None,
            fetched_at: None,
            failed: false,
            unknown: VecDeque::new(),
        };
        Keyring { keys: KeySet::default(), source: Some(source) }
    }

    /// Returns the ids of the keys. Keys from a PEM have none.
    pub(super) fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.candidates(None).filter_map(PublicKey::id)
    }

    /// Returns whether there is no key at all.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the next step for a token with that `kid`. `waited` says whether it has already waited for a
    /// fetch.
    pub(super) fn lookup(&mut self, kid: Option<&str>, waited: bool, now: Micros) -> Lookup {
        let keys: VecDeque<PublicKey> = self.keys.candidates(kid).cloned().collect();
        let Some(source) = &mut self.source else {
            return if keys.is_empty() { Lookup::Unknown } else { Lookup::Keys(keys) };
        };
        if !keys.is_empty() {
            return if source.is_old(now) && source.may_fetch(FETCH_EVERY, now) {
                Lookup::Fetch(source.callout.clone())
            } else {
                Lookup::Keys(keys)
            };
        }
        if waited && !source.failed {
            source.remember_unknown(kid, now);
        }
        if waited || source.is_unknown(kid, now) {
            return source.without_key();
        }
        let every = if self.keys.is_empty() { FIRST_FETCH_EVERY } else { FETCH_EVERY };
        match source.fetching {
            Some(inquiry) => Lookup::Await(inquiry),
            None if source.may_fetch(every, now) => Lookup::Fetch(source.callout.clone()),
            None => source.without_key(),
        }
    }

    /// Records that a fetch has started.
    pub(super) fn fetch_started(&mut self, inquiry: InquiryId, now: Micros) {
        if let Some(source) = &mut self.source {
            source.fetching = Some(inquiry);
            source.started_at = Some(now);
        }
    }

    /// Handles the outcome of fetching the keys.
    pub(super) fn handle_fetched_keys(&mut self, outcome: &Outcome<'_>, now: Micros) -> KeyFetch {
        let Some(source) = &mut self.source else { return KeyFetch::Kept };
        source.fetching = None;
        match key_set(outcome) {
            Ok(keys) => {
                source.failed = false;
                source.fetched_at = Some(now);
                if keys != self.keys {
                    source.unknown.clear();
                }
                let dropped = self.keys.candidates(None).any(|key| !keys.contains(key));
                self.keys = keys;
                if dropped { KeyFetch::Dropped } else { KeyFetch::Kept }
            }
            Err(error) => {
                source.failed = true;
                KeyFetch::Failed(error)
            }
        }
    }
}

impl Source {
    /// Returns whether the set must be refreshed. If the clock stepped back, the set counts as old: one
    /// unnecessary fetch is better than none for hours.
    fn is_old(&self, now: Micros) -> bool {
        !self.fetched_at.is_some_and(|at| at.is_within(REFRESH_AFTER, now))
    }

    fn may_fetch(&self, every: Duration, now: Micros) -> bool {
        self.fetching.is_none() && !self.started_at.is_some_and(|at| at.is_within(every, now))
    }

    fn without_key(&self) -> Lookup {
        if self.failed { Lookup::Unavailable } else { Lookup::Unknown }
    }

    fn is_unknown(&self, kid: Option<&str>, now: Micros) -> bool {
        let is_same = |(known, fetched_at): &(String, Micros)| {
            Some(known.as_str()) == kid && fetched_at.is_within(UNKNOWN_FOR, now)
        };
        self.unknown.iter().any(is_same)
    }

    fn remember_unknown(&mut self, kid: Option<&str>, now: Micros) {
        let Some(kid) = kid.filter(|kid| kid.len() <= UNKNOWN_BYTES_MAX) else { return };
        self.unknown.retain(|(known, fetched_at)| known != kid && fetched_at.is_within(UNKNOWN_FOR, now));
        if self.unknown.len() >= UNKNOWN_MAX {
            self.unknown.pop_front();
        }
        self.unknown.push_back((kid.to_owned(), now));
    }
}

/// Reads the key set in the response to the callout.
fn key_set(outcome: &Outcome<'_>) -> Result<KeySet, KeyFetchError> {
    let response = outcome.http_response()?;
    match response.status {
        200 => Ok(jwks::parse(response.body)?),
        status => Err(KeyFetchError::Status(status)),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::auth::token::tests::factory::own_key;
    use serde_json::json;

    /// Returns a keyring that has just fetched the instance's own set.
    fn fresh(now: Micros) -> Keyring {
        let upstream = Upstream {
            cluster: "c".to_owned(),
            authority: "a".to_owned(),
            base_path: String::new(),
            timeout: Duration::from_secs(2),
            authorization: None,
        };
        let mut ring = Keyring::fetched(&upstream, "/jwks");
        let body = json!({"keys": [own_key().jwk()]}).to_string();
        let headers = &crate::http::HeaderMap::default();
        ring.fetch_started(InquiryId(1), now);
        let response = Outcome::Response { status: 200, headers, body: body.as_bytes() };
        assert_eq!(ring.handle_fetched_keys(&response, now), KeyFetch::Kept);
        ring
    }

    #[test]
    fn unknown_key_ids_are_remembered_up_to_a_number_and_a_length() {
        let now = Micros::from_secs(1_800_000_000);
        let mut ring = fresh(now);
        let long = "x".repeat(UNKNOWN_BYTES_MAX + 1);
        for number in 0..=UNKNOWN_MAX {
            assert_eq!(ring.lookup(Some(&format!("ins_{number}")), true, now), Lookup::Unknown);
        }
        assert_eq!(ring.lookup(Some(&long), true, now), Lookup::Unknown);
        let later = now.plus(FETCH_EVERY);
        let mut fetches = |kid: &str| matches!(ring.lookup(Some(kid), false, later), Lookup::Fetch(_));
        assert!(fetches("ins_0") && fetches(&long), "forgotten, or never remembered");
        assert!(!fetches("ins_1") && !fetches(&format!("ins_{UNKNOWN_MAX}")));
    }

    #[test]
    fn fixed_keys_are_never_fetched() {
        let mut ring = Keyring::fixed(KeySet::default());
        for waited in [false, true] {
            assert_eq!(ring.lookup(Some("x"), waited, Micros::from_secs(1)), Lookup::Unknown);
        }
    }
}
