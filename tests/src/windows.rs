//! Calendar windows, for tests that count by the real clock.

use crate::fakes::server::unix_now;
use std::time::Duration;

/// Waits over the next boundary of windows of that length (seconds) if it is near: a test that counts must not see its
/// window end.
pub async fn within_one_window(length_s: i64) {
    const NEAR_S: i64 = 20;
    let left = length_s - unix_now().rem_euclid(length_s);
    if left < NEAR_S {
        tokio::time::sleep(Duration::from_secs(left.unsigned_abs() + 1)).await;
    }
}
