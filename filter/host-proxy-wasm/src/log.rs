//! Lines in Envoy's log.

use crate::abi;
use tollgate_core::report::Level;

/// Writes a line. If the host rejects it, the failure cannot be reported.
pub(crate) fn write(level: Level, line: &str) {
    let level = match level {
        Level::Debug => 1,
        Level::Info => 2,
        Level::Warn => 3,
        Level::Error => 4,
    };
    let _ = abi::log(level, line.as_bytes());
}
