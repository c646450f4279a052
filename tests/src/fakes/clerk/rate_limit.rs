//! Clerk's limit on writes: <https://clerk.com/docs/guides/how-clerk-works/system-limits>.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The maximum number of writes to one user or organization within [`WINDOW`].
const WRITES_MAX: usize = 10;
const WINDOW: Duration = Duration::from_secs(10);

/// The times of the writes to each user or organization within the last [`WINDOW`].
#[derive(Default)]
pub struct RateLimit {
    writes: HashMap<String, Vec<Instant>>,
}

impl RateLimit {
    /// Counts a write, or returns after how many seconds the next one is allowed.
    pub fn admit(&mut self, id: &str, now: Instant) -> Result<(), u64> {
        let writes = self.writes.entry(id.to_owned()).or_default();
        writes.retain(|at| now.duration_since(*at) < WINDOW);
        if writes.len() >= WRITES_MAX {
            let free_in = WINDOW - now.duration_since(writes[0]);
            return Err(free_in.as_secs() + 1);
        }
        writes.push(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_write_within_ten_seconds_is_refused() {
        let (mut limit, start) = (RateLimit::default(), Instant::now());
        for n in 0..10 {
            assert_eq!(limit.admit("user_1", start + Duration::from_millis(n * 100)), Ok(()));
        }
        assert_eq!(limit.admit("user_1", start + Duration::from_secs(4)), Err(7));
        assert_eq!(limit.admit("user_2", start + Duration::from_secs(4)), Ok(()), "another user");
        assert_eq!(limit.admit("user_1", start + Duration::from_millis(9_999)), Err(1));
        assert_eq!(limit.admit("user_1", start + Duration::from_secs(10)), Ok(()));
    }
}
