//! The attack test: attackers and failing APIs against a gateway that keeps serving its own clients.
//!
//! Each [`Phase`] is one kind of attack. While it lasts, permitted requests are served at every moment, and
//! forbidden ones never.

mod apis;
mod attack_run;
mod bytes;
mod reloads;
mod tokens;
pub mod unfinished;
mod webhooks;

pub use attack_run::AttackRun;
pub use bytes::request_with_noise;

use std::fmt;
use std::time::Duration;
use tollgate_fixtures::Random;

/// The maximum memory that Envoy may use at any moment, in bytes: 130 MB with two workers at rest, the caches
/// of the filters (8 MB of tokens per worker, 97 MB of counters for both), what they hold (16 MB of webhooks
/// per worker), and responses of 50 MB in transit.
pub const MEMORY_MAX: u64 = 300_000_000;

/// A kind of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Random bytes in header fields, paths and bodies; bodies cut off or slow; connections that end at any
    /// point.
    Bytes,
    /// Cookies, huge and many.
    Cookies,
    /// Ten thousand different tokens, valid and forged.
    Tokens,
    /// A flood of tokens of unknown keys, while Clerk's keys are garbage, 50 MB, a redirect or a broken
    /// connection.
    Keys,
    /// Webhooks that Stripe has not sent, broken in every way in which a request can be.
    Webhooks,
    /// Authentic events, while Stripe and Clerk send garbage, huge pages, redirects, or nothing.
    Apis,
    /// Requests that do not end: streams with 58 KB of header fields, and incomplete bodies of webhooks.
    Unfinished,
    /// The listener is reconfigured repeatedly.
    Reloads,
}

impl Phase {
    /// Every phase, in order.
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

/// The numbers of one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attacks: requests, complete or not.
    pub attacks: u64,
    /// Attacks that got a response; the connections of the others ended without one.
    pub answered: u64,
    /// Permitted requests served meanwhile.
    pub served: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { attacks, answered, served } = self;
        write!(f, "{attacks} attacks, {answered} of them answered, and {served} good requests served")
    }
}

/// The time for which an attacker waits for a response. Most attacks are not meant to get one.
const ATTACK_MAX: Duration = Duration::from_secs(5);

/// Returns `len` random bytes.
fn noise(random: &mut Random, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.bits().to_le_bytes()[0]).collect()
}
