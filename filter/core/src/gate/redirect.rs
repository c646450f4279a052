//! Requests that pass the gate again because Envoy itself has followed the upstream's redirect
//! (`internal_redirect_policy`). The rule of the new path applies, but the request is counted only once.
//!
//! When a request ends without a response, as happens when Envoy follows a redirect, the host keeps its
//! count. Clients cannot write what is kept.

use super::store::CounterOwner;
use crate::http::HeaderMap;
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// The header field that Envoy adds when it follows a redirect. Clients can send it too, so it only shows
/// that there may be a kept count.
const ORIGINAL_URL: &str = "x-envoy-original-url";

/// The count of a request: the counter and the cost.
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
    /// Creates the count of a request.
    pub(super) fn new(owner: CounterOwner<'_>, limit: &str, cost: u64) -> Self {
        // The hash needs no secret key, because it never leaves Envoy.
        let mut hasher = SipHasher13::new();
        hasher.write(owner.bytes());
        hasher.write_u8(0);
        hasher.write(limit.as_bytes());
        CountedRequest { counter: hasher.finish(), cost }
    }

    /// Reads a kept count.
    pub(super) fn parse(kept: &[u8]) -> Option<Self> {
        let (counter, rest) = kept.split_first_chunk()?;
        let cost = rest.try_into().ok()?;
        Some(CountedRequest { counter: u64::from_le_bytes(*counter), cost: u64::from_le_bytes(cost) })
    }

    /// Returns the bytes to keep.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        [self.counter.to_le_bytes(), self.cost.to_le_bytes()].concat()
    }

    /// Returns the part of this cost that `before` has already counted, which is 0 for another counter.
    pub(super) fn cost_in(self, before: Option<Self>) -> u64 {
        before.filter(|before| before.counter == self.counter).map_or(0, |before| before.cost.min(self.cost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_count_is_read_back_and_other_bytes_are_ignored() {
        let counted = CountedRequest { counter: 0x0123_4567_89ab_cdef, cost: 3 };
        assert_eq!(CountedRequest::parse(&counted.to_bytes()), Some(counted));
        for other in [&b""[..], b"1", &[0; 15], &[0; 17]] {
            assert_eq!(CountedRequest::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn only_a_count_in_the_same_counter_reduces_the_cost() {
        let counted = |counter, cost| CountedRequest { counter, cost };
        assert_eq!(counted(1, 2).cost_in(None), 0);
        assert_eq!(counted(1, 2).cost_in(Some(counted(2, 2))), 0, "another counter");
        assert_eq!(counted(1, 2).cost_in(Some(counted(1, 1))), 1, "a part of it");
        assert_eq!(counted(1, 2).cost_in(Some(counted(1, 5))), 2, "no more than its cost");
    }
}
