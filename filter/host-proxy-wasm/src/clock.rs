//! Envoy's clock.

use crate::abi::{self, Status};
use tollgate_core::time::Micros;

const NANOSECONDS_PER_MICROSECOND: u64 = 1_000;

/// Returns the current time.
pub(crate) fn now() -> Result<Micros, Status> {
    let nanoseconds = abi::current_time_nanoseconds()?;
    Ok(Micros::from_micros(nanoseconds / NANOSECONDS_PER_MICROSECOND))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::scripted;

    #[test]
    fn the_time_is_in_whole_microseconds() {
        scripted::reset();
        scripted::with(|host| host.time_ns = 1_700_000_000_000_001_999);
        assert_eq!(now(), Ok(Micros::from_micros(1_700_000_000_000_001)));
    }
}
