//! Calendar windows, for tests that count by the real clock.

use crate::fakes::server::unix_now;
use std::time::Duration;

/// Waits for the next window of `length_s` seconds if the current one ends soon: a test that counts must not
/// see its window end. Call it when everything has started, because a start takes many seconds on a busy machine.
pub async fn within_one_window(length_s: i64) {
    const NEAR_S: i64 = 40;
    let left_s = length_s - unix_now().rem_euclid(length_s);
    if left_s < NEAR_S {
        tokio::time::sleep(Duration::from_secs(left_s.unsigned_abs() + 1)).await;
    }
}
