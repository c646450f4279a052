//! A request that passes the gate again because Envoy has followed the upstream's redirect by itself
//! (`internal_redirect_policy`). It is judged by the rule of its new path, and counted once.
//!
//! What a request was counted against is kept with it by the host when it ends without a response, as it does when Envoy
//! follows a redirect. No client can write what is kept.

use super::store::CounterOwner;
use crate::http::HeaderMap;
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// The header field that Envoy adds when it follows a redirect. Clients can send it too, so it only says that it is
/// worth asking what was kept.
const ORIGINAL_URL: &str = "x-envoy-original-url";

/// What a request was counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CountedRequest {
    /// A hash of the counter's owner and limit.
    counter: u64,
    cost: u64,
}

/// Returns whether Envoy may have followed a redirect for a request.
pub(super) fn is_possible(headers: &HeaderMap) -> bool {
    headers.get(ORIGINAL_URL).is_some()
}

impl CountedRequest {
    /// Returns a request that was counted with that cost.
    pub(super) fn new(owner: CounterOwner<'_>, limit: &str, cost: u64) -> Self {
        // Not secret: what is kept never leaves Envoy.
        let mut hasher = SipHasher13::new();
        hasher.write(owner.bytes());
        hasher.write_u8(0);
        hasher.write(limit.as_bytes());
        CountedRequest { counter: hasher.finish(), cost }
    }

    /// Reads what was kept.
    pub(super) fn parse(kept: &[u8]) -> Option<Self> {
        let (counter, rest) = kept.split_first_chunk()?;
        let cost = rest.try_into().ok()?;
        Some(CountedRequest { counter: u64::from_le_bytes(*counter), cost: u64::from_le_bytes(cost) })
    }

    /// Returns what is to be kept.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        [self.counter.to_le_bytes(), self.cost.to_le_bytes()].concat()
    }

    /// Returns how much of a request's cost was counted before, if `before` was counted against the same counter.
    pub(super) fn cost_in(self, before: Option<Self>) -> u64 {
        before.filter(|before| before.counter == self.counter).map_or(0, |before| before.cost.min(self.cost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_anything_else_is_nothing() {
        let counted = CountedRequest { counter: 0x0123_4567_89ab_cdef, cost: 3 };
        assert_eq!(CountedRequest::parse(&counted.to_bytes()), Some(counted));
        for other in [&b""[..], b"1", &[0; 15], &[0; 17]] {
            assert_eq!(CountedRequest::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn only_what_was_counted_against_the_same_counter_is_taken_off() {
        let counted = |counter, cost| CountedRequest { counter, cost };
        assert_eq!(counted(1, 2).cost_in(None), 0);
        assert_eq!(counted(1, 2).cost_in(Some(counted(2, 2))), 0, "another counter");
        assert_eq!(counted(1, 2).cost_in(Some(counted(1, 1))), 1, "a part of it");
        assert_eq!(counted(1, 2).cost_in(Some(counted(1, 5))), 2, "no more than its cost");
    }
}
