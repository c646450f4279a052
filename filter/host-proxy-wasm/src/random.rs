//! A seed that an outsider cannot guess.

use crate::abi::{self, Status};

/// 128 bits of the host's randomness.
pub(crate) fn seed() -> Result<[u8; 16], Status> {
    abi::random_bytes()
}
