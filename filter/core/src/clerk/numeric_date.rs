//! Times in tokens: seconds since the Unix epoch (NumericDate, RFC 7519 §2).

use crate::time::Micros;
use serde_json::Value;

/// The latest second that a claim may contain: the end of JavaScript's dates. Beyond it, `@clerk/backend`
/// compares with an invalid date and treats no token as expired.
const DATE_MAX_S: u64 = 8_640_000_000_000;

/// Reads a NumericDate (RFC 7519 §2): seconds since the epoch, possibly with a fraction. Returns `None`
/// beyond the range of dates; a time before the epoch becomes the epoch.
pub(crate) fn numeric_date(value: &Value) -> Option<Micros> {
    if let Some(secs) = value.as_u64() {
        return (secs <= DATE_MAX_S).then(|| Micros::from_secs(secs));
    }
    let secs = value.as_f64()?;
    // NaN fails the comparison, so the conversion is exact except that it truncates below a microsecond.
    (secs.abs() <= DATE_MAX_S as f64).then(|| Micros::from_micros((secs * 1e6) as u64))
}
