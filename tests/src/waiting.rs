//! Waiting for what happens a moment later, up to a time that only a defect exceeds.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// The maximum duration of a wait. It is long, because machines that run tests are slow and busy.
pub const WAIT_MAX: Duration = Duration::from_secs(120);
/// The time between two looks.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Looks again and again until `look` finds something, and returns that. A failure names `what` was awaited.
///
/// # Panics
/// If it finds nothing in [`WAIT_MAX`].
pub async fn until<T>(what: impl Display, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "after {WAIT_MAX:?} still no {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
