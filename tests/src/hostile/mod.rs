//! A hostile day: strangers, and services that answer nonsense, against a gateway that goes on serving its own clients.
//!
//! Each [`Phase`] is one kind of trouble. While it lasts, those who may are served at every moment, and those who may not
//! are not served at any.

mod apis;
mod bytes;
mod reloads;
mod scene;
mod tokens;
pub mod unfinished;
mod webhooks;

pub use scene::Day;

use crate::fakes::faults::SplitMix64;
use std::fmt;
use std::time::Duration;

/// What Envoy may hold of the machine's memory at any moment of the day, in bytes: 130 MB with two workers at rest, what the
/// filters remember (each worker 8 MB of tokens, both together 97 MB of counters), what they hold (each worker 16 MB of webhooks),
/// and answers of 50 MB on their way.
pub const MEMORY_MAX: u64 = 300_000_000;

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Random bytes for header fields, paths and bodies; bodies cut off or slow; connections that end anywhere.
    Bytes,
    /// Cookies, huge and many.
    Cookies,
    /// Ten thousand different tokens, right ones and forged ones.
    Tokens,
    /// Tokens of unknown keys in a flood, while Clerk's keys are garbage, 50 MB, a redirect or a broken connection.
    Keys,
    /// Webhooks that Stripe has not sent, in every way in which a request can be broken.
    Webhooks,
    /// True events, while Stripe and Clerk answer garbage, huge pages, redirects, or not at all.
    Apis,
    /// Requests that do not end: streams with 58 KB of header fields, and bodies of webhooks.
    Unfinished,
    /// The listener is configured anew, again and again.
    Reloads,
}

impl Phase {
    /// Each of them, in the order of the day.
    pub const ALL: [Phase; 8] = [
        Phase::Bytes,
        Phase::Cookies,
        Phase::Tokens,
        Phase::Keys,
        Phase::Webhooks,
        Phase::Apis,
        Phase::Unfinished,
        Phase::Reloads,
    ];
}

/// What a phase was made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attacks, each a request or what was to become one.
    pub attacks: u64,
    /// Attacks that got an answer; the others' connections ended before.
    pub answered: u64,
    /// Good requests served meanwhile.
    pub served: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { attacks, answered, served } = self;
        write!(f, "{attacks} attacks, {answered} of them answered, and {served} good requests served")
    }
}

/// How long an attacker waits for an answer. Most attacks are not meant to get one.
const ATTACK_MAX: Duration = Duration::from_secs(5);

/// A number below `end`.
fn below(random: &mut SplitMix64, end: usize) -> usize {
    usize::try_from(random.bits() % (end.max(1) as u64)).unwrap_or_default()
}

/// One of these.
fn one<T: Copy>(random: &mut SplitMix64, of: &[T]) -> T {
    of[below(random, of.len())]
}

/// So many bytes, of any values.
fn noise(random: &mut SplitMix64, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.bits().to_le_bytes()[0]).collect()
}
