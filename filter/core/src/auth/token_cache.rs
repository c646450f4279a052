//! A cache of session tokens with a valid signature, so that each signature is verified only once.
//!
//! It keeps only what does not change during a token's lifetime. Expiry and `azp` are checked on every use.

use siphasher::sip::SipHasher13;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::rc::Rc;

/// The maximum number of tokens that a worker caches.
const TOKENS_MAX: usize = 10_000;

/// The maximum number of bytes of tokens that a worker caches.
const TOKEN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The key of a token in the cache: the end of its signature, which only the owner of the signing key can
/// choose.
type Tail = [u8; 16];

/// The hasher of the cache. It needs no secret key, because attackers cannot choose the tails that are
/// inserted.
type TailHasher = BuildHasherDefault<SipHasher13>;

/// Verified tokens, each with its value. Unverified tokens are never inserted.
#[derive(Debug)]
pub(crate) struct TokenCache<V> {
    entries: HashMap<Tail, CachedToken<V>, TailHasher>,
    oldest_first: VecDeque<Tail>,
    bytes: usize,
}

#[derive(Debug)]
struct CachedToken<V> {
    token: Box<[u8]>,
    value: Rc<V>,
}

/// Returns whether two tokens are equal. In a Wasm module, the operator `==` compares byte by byte, which
/// takes 2 % of the time of a request; this compares eight bytes at once.
fn are_equal(left: &[u8], right: &[u8]) -> bool {
    let (left_words, left_rest) = left.as_chunks::<8>();
    let (right_words, right_rest) = right.as_chunks::<8>();
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    left.len() == right.len()
        && left_words.iter().map(word).eq(right_words.iter().map(word))
        && left_rest == right_rest
}

impl<V> Default for TokenCache<V> {
    fn default() -> Self {
        TokenCache { entries: HashMap::default(), oldest_first: VecDeque::new(), bytes: 0 }
    }
}

impl<V> TokenCache<V> {
    /// Returns the value of exactly this token.
    pub(crate) fn get(&self, token: &[u8]) -> Option<Rc<V>> {
        let entry = self.entries.get(token.last_chunk::<16>()?)?;
        are_equal(&entry.token, token).then(|| Rc::clone(&entry.value))
    }

    /// Inserts a token with a valid signature, and removes the oldest tokens if there is no room.
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

    /// Removes a token, for example because it has expired.
    pub(crate) fn remove(&mut self, token: &[u8]) {
        if self.get(token).is_some()
            && let Some(tail) = token.last_chunk::<16>()
        {
            self.forget(tail);
            self.oldest_first.retain(|kept| kept != tail);
        }
    }

    /// Removes all tokens, because a key is no longer in force.
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
    fn tokens_are_compared_to_the_last_byte() {
        for length in 0..40 {
            let token: Vec<u8> = (0..length).collect();
            assert!(are_equal(&token, &token.clone()), "{length} bytes");
            for index in 0..token.len() {
                let mut other = token.clone();
                other[index] ^= 1;
                assert!(!are_equal(&token, &other), "byte {index} of {length}");
                assert!(!are_equal(&token, &token[..index]), "{index} of {length} bytes");
            }
        }
    }

    #[test]
    fn a_removed_token_is_forgotten() {
        let mut cache = TokenCache::default();
        cache.insert(&token(1), Rc::new(()));
        cache.insert(&token(2), Rc::new(()));
        cache.remove(&token(1));
        assert_eq!(cache.get(&token(1)), None);
        assert!(cache.get(&token(2)).is_some());
        assert_eq!(cache.bytes, token(2).len());
    }

    #[test]
    fn the_oldest_tokens_are_removed_if_there_is_no_room() {
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
