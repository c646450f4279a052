//! Times as a token gives them: seconds since the Unix epoch (NumericDate, RFC 7519 §2).

use crate::time::Micros;
use serde_json::Value;

/// The last second that a claim can name: the end of JavaScript's dates, beyond which `@clerk/backend`
/// compares with "invalid" and finds nothing expired.
const DATE_MAX_S: u64 = 8_640_000_000_000;

/// A NumericDate (RFC 7519 §2): seconds since the epoch, perhaps with a fraction. `None` beyond the range of
/// dates; a time before the epoch reads as the epoch.
pub(crate) fn numeric_date(value: &Value) -> Option<Micros> {
    if let Some(secs) = value.as_u64() {
        return (secs <= DATE_MAX_S).then(|| Micros::from_secs(secs));
    }
    let secs = value.as_f64()?;
    // What is no number fails the comparison, so the conversion is exact but for the fraction cut off.
    (secs.abs() <= DATE_MAX_S as f64).then(|| Micros::from_micros((secs * 1e6) as u64))
}
