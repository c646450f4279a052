//! Whose counter: a signed-in subject's, or that of an address.

use crate::ids::Subject;
use crate::quota::ratelimit::{CounterOf, descriptor};
use crate::quota::{Callers, ClientNetwork};

/// Whose counter.
#[derive(Clone, Copy, Debug)]
pub(in crate::gate) enum CounterOwner<'a> {
    /// A user's or an organization's.
    Subject(&'a Subject),
    /// That of callers without a token at these addresses.
    Network(&'a ClientNetwork),
}

impl CounterOwner<'_> {
    /// Returns the bytes by which its counters are told from others'.
    pub(in crate::gate) fn bytes(&self) -> &[u8] {
        match self {
            CounterOwner::Subject(subject) => subject.as_str().as_bytes(),
            CounterOwner::Network(network) => network.octets(),
        }
    }

    /// Returns which callers it is one of.
    pub(super) fn callers(self) -> Callers {
        match self {
            CounterOwner::Subject(_) => Callers::SignedIn,
            CounterOwner::Network(_) => Callers::Anonymous,
        }
    }

    /// Returns what the counters of a limit are called in envoyproxy/ratelimit.
    pub(super) fn descriptor(self, limit: &str) -> CounterOf {
        let subject = match self {
            CounterOwner::Subject(subject) => subject.as_str().to_owned(),
            CounterOwner::Network(network) => descriptor::address(network),
        };
        CounterOf { subject, limit: limit.to_owned() }
    }
}
