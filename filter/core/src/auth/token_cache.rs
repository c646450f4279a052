//! Session tokens whose signature was found right, so that it is checked once.
//!
//! Only what does not change while a token lives is kept. Rules of time and `azp` are for every use.

use siphasher::sip::SipHasher13;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::rc::Rc;

/// How many tokens a worker remembers.
const TOKENS_MAX: usize = 10_000;

/// How many bytes of tokens a worker remembers.
const TOKEN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Where a token is found: the end of its signature, which nobody can choose without the key.
type Tail = [u8; 16];

/// Where its entry is. Without a key of its own, as strangers choose no tail that is put in.
type Places = BuildHasherDefault<SipHasher13>;

/// Verified tokens, each with what was learned from it. One that was not verified is never put here.
#[derive(Debug)]
pub(crate) struct TokenCache<V> {
    entries: HashMap<Tail, CachedToken<V>, Places>,
    oldest_first: VecDeque<Tail>,
    bytes: usize,
}

#[derive(Debug)]
struct CachedToken<V> {
    token: Box<[u8]>,
    value: Rc<V>,
}

impl<V> Default for TokenCache<V> {
    fn default() -> Self {
        TokenCache { entries: HashMap::default(), oldest_first: VecDeque::new(), bytes: 0 }
    }
}

impl<V> TokenCache<V> {
    /// What was learned from exactly this token.
    pub(crate) fn get(&self, token: &[u8]) -> Option<Rc<V>> {
        let entry = self.entries.get(token.last_chunk::<16>()?)?;
        (*entry.token == *token).then(|| Rc::clone(&entry.value))
    }

    /// Remembers a token whose signature is right, and forgets the oldest where there is no room.
    pub(crate) fn insert(&mut self, token: &[u8], value: Rc<V>) {
        let Some(tail) = token.last_chunk::<16>().copied() else { return };
        self.remove(token);
        self.bytes = self.bytes.saturating_add(token.len());
        self.oldest_first.push_back(tail);
        if let Some(replaced) = self.entries.insert(tail, CachedToken { token: token.into(), value }) {
            self.bytes = self.bytes.saturating_sub(replaced.token.len());
        }
        while self.entries.len() > TOKENS_MAX || self.bytes > TOKEN_BYTES_MAX {
            let Some(oldest) = self.oldest_first.pop_front() else { break };
            self.forget(&oldest);
        }
    }

    /// Forgets a token, for instance once it has expired.
    pub(crate) fn remove(&mut self, token: &[u8]) {
        if self.get(token).is_some()
            && let Some(tail) = token.last_chunk::<16>()
        {
            self.forget(tail);
            self.oldest_first.retain(|kept| kept != tail);
        }
    }

    /// Forgets all, because a key is no longer in force.
    pub(crate) fn clear(&mut self) {
        *self = TokenCache::default();
    }

    fn forget(&mut self, tail: &Tail) {
        if let Some(entry) = self.entries.remove(tail) {
            self.bytes = self.bytes.saturating_sub(entry.token.len());
        }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn token(n: usize) -> Vec<u8> {
        format!("header.claims.signature-{n:016}").into_bytes()
    }

    #[test]
    fn only_the_same_bytes_are_found() {
        let mut cache = TokenCache::default();
        cache.insert(&token(1), Rc::new("ada"));
        assert_eq!(cache.get(&token(1)).as_deref(), Some(&"ada"));
        assert_eq!(cache.get(&token(2)), None);
        let mut forged = token(1);
        forged[0] = b'H';
        assert_eq!(cache.get(&forged), None, "the same signature under another header");
        assert_eq!(cache.get(b"short"), None);
    }

    #[test]
    fn a_token_is_forgotten_when_told() {
        let mut cache = TokenCache::default();
        cache.insert(&token(1), Rc::new(()));
        cache.insert(&token(2), Rc::new(()));
        cache.remove(&token(1));
        assert_eq!(cache.get(&token(1)), None);
        assert!(cache.get(&token(2)).is_some());
        assert_eq!(cache.bytes, token(2).len());
    }

    #[test]
    fn the_oldest_make_room() {
        let mut cache = TokenCache::default();
        for n in 0..=TOKENS_MAX {
            cache.insert(&token(n), Rc::new(n));
        }
        assert_eq!(cache.entries.len(), TOKENS_MAX);
        assert_eq!(cache.oldest_first.len(), TOKENS_MAX);
        assert_eq!(cache.get(&token(0)), None);
        assert!(cache.get(&token(1)).is_some() && cache.get(&token(TOKENS_MAX)).is_some());
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut cache = TokenCache::default();
        for n in 0..2 * TOKEN_BYTES_MAX / 8192 {
            let mut long = vec![b'a'; 8192];
            long.extend(token(n));
            cache.insert(&long, Rc::new(n));
        }
        assert!(cache.bytes <= TOKEN_BYTES_MAX);
        assert_eq!(cache.bytes, cache.entries.values().map(|entry| entry.token.len()).sum::<usize>());
    }
}
