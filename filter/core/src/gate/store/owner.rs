//! The owner of counters: a signed-in subject, or a client network.

use crate::ids::Subject;
use crate::quota::ratelimit::{CounterOf, descriptor};
use crate::quota::{Callers, ClientNetwork};

/// The owner of a counter.
#[derive(Clone, Copy, Debug)]
pub(in crate::gate) enum CounterOwner<'a> {
    /// A user or an organization.
    Subject(&'a Subject),
    /// The anonymous callers of a network.
    Network(&'a ClientNetwork),
}

impl CounterOwner<'_> {
    /// Returns the bytes that identify the owner.
    pub(in crate::gate) fn bytes(&self) -> &[u8] {
        match self {
            CounterOwner::Subject(subject) => subject.as_str().as_bytes(),
            CounterOwner::Network(network) => network.octets(),
        }
    }

    /// Returns the kind of callers that the owner is one of.
    pub(super) fn callers(self) -> Callers {
        match self {
            CounterOwner::Subject(_) => Callers::SignedIn,
            CounterOwner::Network(_) => Callers::Anonymous,
        }
    }

    /// Returns the descriptor of a limit's counters in envoyproxy/ratelimit.
    pub(super) fn descriptor(self, limit: &str) -> CounterOf {
        let subject = match self {
            CounterOwner::Subject(subject) => subject.as_str().to_owned(),
            CounterOwner::Network(network) => descriptor::address(network),
        };
        CounterOf { subject, limit: limit.to_owned() }
    }
}
