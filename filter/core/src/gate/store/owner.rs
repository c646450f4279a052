//! Whose counter: a signed-in subject's, or that of an address.

use super::local::Tables;
use crate::ids::Subject;
use crate::quota::ratelimit::{CounterOf, descriptor};
use crate::quota::{ClientNetwork, CounterKey};

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

    /// Returns where the counters of a limit are in the local store.
    pub(super) fn local_place(self, tables: &Tables, limit: &str) -> CounterKey {
        match self {
            CounterOwner::Subject(subject) => tables.signed_in.place(subject.as_str().as_bytes(), limit),
            CounterOwner::Network(network) => tables.anonymous.place(network.octets(), limit),
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
