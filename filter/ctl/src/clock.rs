//! This machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};
use tollgate_core::time::Micros;

/// Returns the current time.
pub(crate) fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros::default().plus(since)
}
