//! A seed that an outsider cannot guess.

use crate::abi::{self, Status};

/// 64 bits of the host's randomness.
pub(crate) fn seed() -> Result<u64, Status> {
    abi::random_bytes().map(u64::from_le_bytes)
}
