//! The keys in force: fixed ones, or the instance's own set, fetched and fetched again. Says what to do for a token's
//! `kid`; sends nothing itself.
//!
//! A set is fetched for all requests of a worker thread at once. Those that need it wait for it, others never do: a
//! set that is merely old is refreshed beside them, and while that fails the old keys stay in force.

use crate::auth::keys::jwks::{self, JwksError};
use crate::auth::keys::{KeySet, PublicKey};
use crate::http::{Callout, CalloutError, Outcome, Request};
use crate::machine::InquiryId;
use crate::time::Micros;
use crate::upstream::Upstream;
use std::collections::VecDeque;
use std::time::Duration;

/// How old a set may be before it is fetched again: as old as `@clerk/backend` lets it be. A key that Clerk drops
/// opens nothing after that.
const REFRESH_AFTER: Duration = Duration::from_secs(300);

/// How long there is between two fetches at least, whoever sends which `kid`. As long takes a new key to be known.
const FETCH_EVERY: Duration = Duration::from_secs(5);

/// The same while there is no key at all and every request is refused.
const FIRST_FETCH_EVERY: Duration = Duration::from_secs(1);

/// How long a `kid` that a fresh set did not have is taken to be a stranger's.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);

/// How many such are remembered; beyond that the oldest make room.
const UNKNOWN_MAX: usize = 64;

/// The longest that is remembered, in bytes. Clerk's have about 30.
const UNKNOWN_BYTES_MAX: usize = 128;

/// The keys in force.
#[derive(Debug)]
pub(super) struct Keyring {
    keys: KeySet,
    source: Option<Source>,
}

/// Where keys come from that are not fixed, and how that goes.
#[derive(Debug)]
struct Source {
    callout: Callout,
    under_way: Option<InquiryId>,
    began_at: Option<Micros>,
    fetched_at: Option<Micros>,
    failed: bool,
    /// Key ids that Clerk did not have, and when it was asked.
    unknown: VecDeque<(String, Micros)>,
}

/// What there is to do for a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// Try these keys.
    Keys(VecDeque<PublicKey>),
    /// Fetch the set and look again: there may be nothing to wait for.
    Fetch(Callout),
    /// Wait for the set that is being fetched, and look again.
    Await(InquiryId),
    /// No key of Clerk's can have signed it.
    Unknown,
    /// Nobody can tell, because the set could not be fetched.
    Unavailable,
}

/// What came of a fetch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyFetch {
    /// The keys are as they were, or some were added.
    Kept,
    /// A key is no longer in force, nor is what it signed.
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

impl Keyring {
    /// Keys that stay as they are.
    pub(super) fn fixed(keys: KeySet) -> Self {
        Keyring { keys, source: None }
    }

    /// Keys that are fetched from there when the first token comes.
    pub(super) fn fetched(upstream: &Upstream, path: &str) -> Self {
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
        let callout = Callout { cluster: upstream.cluster.clone(), timeout: upstream.timeout, request };
        let source = Source {
            callout,
            under_way: None,
            began_at: None,
            fetched_at: None,
            failed: false,
            unknown: VecDeque::new(),
        };
        Keyring { keys: KeySet::default(), source: Some(source) }
    }

    /// Whether there is no key at all.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What there is to do for a token of that `kid`. `waited`: a fetch was awaited for it already.
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
        match source.under_way {
            Some(inquiry) => Lookup::Await(inquiry),
            None if source.may_fetch(every, now) => Lookup::Fetch(source.callout.clone()),
            None => source.without_key(),
        }
    }

    /// A fetch has begun.
    pub(super) fn began(&mut self, inquiry: InquiryId, now: Micros) {
        if let Some(source) = &mut self.source {
            source.under_way = Some(inquiry);
            source.began_at = Some(now);
        }
    }

    /// A fetch has ended.
    pub(super) fn ended(&mut self, outcome: &Outcome<'_>, now: Micros) -> KeyFetch {
        let Some(source) = &mut self.source else { return KeyFetch::Kept };
        source.under_way = None;
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
            Err(why) => {
                source.failed = true;
                KeyFetch::Failed(why)
            }
        }
    }
}

impl Source {
    /// A clock that stepped back makes a set old: better to ask once too often than not for hours.
    fn is_old(&self, now: Micros) -> bool {
        !self.fetched_at.is_some_and(|at| at.is_within(REFRESH_AFTER, now))
    }

    fn may_fetch(&self, every: Duration, now: Micros) -> bool {
        self.under_way.is_none() && !self.began_at.is_some_and(|at| at.is_within(every, now))
    }

    fn without_key(&self) -> Lookup {
        if self.failed { Lookup::Unavailable } else { Lookup::Unknown }
    }

    fn is_unknown(&self, kid: Option<&str>, now: Micros) -> bool {
        let is = |(known, asked_at): &(String, Micros)| {
            Some(known.as_str()) == kid && asked_at.is_within(UNKNOWN_FOR, now)
        };
        self.unknown.iter().any(is)
    }

    fn remember_unknown(&mut self, kid: Option<&str>, now: Micros) {
        let Some(kid) = kid.filter(|kid| kid.len() <= UNKNOWN_BYTES_MAX) else { return };
        self.unknown.retain(|(known, asked_at)| known != kid && asked_at.is_within(UNKNOWN_FOR, now));
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

    /// A ring that has just fetched a set without any key of a stranger.
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
        ring.began(InquiryId(1), now);
        let answer = Outcome::Answered { status: 200, headers, body: body.as_bytes() };
        assert_eq!(ring.ended(&answer, now), KeyFetch::Kept);
        ring
    }

    #[test]
    fn strangers_names_are_remembered_up_to_a_number_and_a_length() {
        let now = Micros::from_secs(1_800_000_000);
        let mut ring = fresh(now);
        let long = "x".repeat(UNKNOWN_BYTES_MAX + 1);
        for number in 0..=UNKNOWN_MAX {
            assert_eq!(ring.lookup(Some(&format!("ins_{number}")), true, now), Lookup::Unknown);
        }
        assert_eq!(ring.lookup(Some(&long), true, now), Lookup::Unknown);
        let later = now.plus(FETCH_EVERY);
        let mut asks = |kid: &str| matches!(ring.lookup(Some(kid), false, later), Lookup::Fetch(_));
        assert!(asks("ins_0") && asks(&long), "forgotten, or never remembered");
        assert!(!asks("ins_1") && !asks(&format!("ins_{UNKNOWN_MAX}")));
    }

    #[test]
    fn fixed_keys_are_never_fetched() {
        let mut ring = Keyring::fixed(KeySet::default());
        for waited in [false, true] {
            assert_eq!(ring.lookup(Some("x"), waited, Micros::from_secs(1)), Lookup::Unknown);
        }
    }
}
