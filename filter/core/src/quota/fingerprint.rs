//! What the counters of a bucket are found by.

/// What tells one subject's counters of one limit from all others: a keyed hash, long enough that no two ever meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub(super) [u8; Fingerprint::BYTES]);

impl Fingerprint {
    pub(super) const BYTES: usize = 16;
}
