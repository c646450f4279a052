//! The fingerprint that identifies counters within a bucket.

/// The identifier of one subject's counters of one limit: a keyed hash, long enough that no two collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub(super) [u8; Fingerprint::BYTES]);

impl Fingerprint {
    pub(super) const BYTES: usize = 16;
}
