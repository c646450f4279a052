//! The time at which an event was signed, as its sender writes it, and the tolerance that it must keep to.

use crate::time::Micros;
use std::time::Duration;

/// The time at which an event was signed, in whole seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SigningTime(u64);

/// The error of a time that is too far in the past or in the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "signed {skew_s} s {} the gateway's time, {tolerance_s} s are tolerated: a replay, or a clock that is wrong",
    direction(.in_future)
)]
pub struct OutsideTolerance {
    /// The difference of the two times, in seconds.
    pub skew_s: u64,
    /// Whether the timestamp is later than this clock.
    pub in_future: bool,
    /// The maximum difference, in seconds.
    pub tolerance_s: u64,
}

impl SigningTime {
    /// Reads decimal digits only: `u64::from_str` alone would accept a `+`.
    pub(crate) fn parse(digits: &[u8]) -> Option<Self> {
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok().map(SigningTime)
    }

    /// Returns the point in time.
    pub(crate) fn micros(self) -> Micros {
        Micros::from_secs(self.0)
    }

    /// Checks the time in whole seconds, in both directions: a time in the future would extend the validity
    /// of a stolen delivery.
    pub(crate) fn check(self, now: Micros, tolerance: Duration) -> Result<(), OutsideTolerance> {
        let now_s = now.as_secs();
        let skew_s = now_s.abs_diff(self.0);
        if Duration::from_secs(skew_s) <= tolerance {
            return Ok(());
        }
        Err(OutsideTolerance { skew_s, in_future: self.0 > now_s, tolerance_s: tolerance.as_secs() })
    }
}

fn direction(in_future: &bool) -> &'static str {
    if *in_future { "after" } else { "before" }
}

/// Returns the text without the optional white space of RFC 9110 §5.6.3, which is blanks and tabs, around it.
pub(crate) fn trim_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_decimal_digits() {
        let cases = [
            ("digits", "1790000000", Some(1_790_000_000)),
            ("zero", "0", Some(0)),
            ("the most that 64 bits hold", "18446744073709551615", Some(u64::MAX)),
            ("one more", "18446744073709551616", None),
            ("a plus sign", "+1790000000", None),
            ("letters behind", "1790000000abc", None),
            ("nothing", "", None),
        ];
        for (why, text, want) in cases {
            assert_eq!(SigningTime::parse(text.as_bytes()), want.map(SigningTime), "{why}");
        }
    }

    #[test]
    fn the_tolerance_holds_in_both_directions() {
        let now = Micros::from_secs(1_000);
        for (at_s, want) in [(700, true), (699, false), (1_300, true), (1_301, false)] {
            let checked = SigningTime(at_s).check(now, Duration::from_secs(300));
            assert_eq!(checked.is_ok(), want, "{at_s}");
        }
        let late = SigningTime(1_400).check(now, Duration::from_secs(300)).unwrap_err();
        assert!(
            late.to_string().starts_with("signed 400 s after the gateway's time, 300 s are tolerated"),
            "{late}"
        );
    }
}
