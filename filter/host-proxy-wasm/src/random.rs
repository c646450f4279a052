//! A seed that an attacker cannot guess.

use crate::abi::{self, Status};

/// Returns 128 random bits of the host.
pub(crate) fn seed() -> Result<[u8; 16], Status> {
    abi::random_bytes()
}
