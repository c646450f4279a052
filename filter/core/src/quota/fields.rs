//! The response header fields that show a client its quota.

use super::window_state::WindowState;
use crate::time::Micros;
use std::fmt::Write;

/// The largest Integer of a structured field (RFC 9651 §3.3.1).
const INTEGER_MAX: u64 = 999_999_999_999_999;

/// Returns `RateLimit-Policy` and `RateLimit` of a window: `"asks";q=100;w=2592000` and
/// `"asks";r=88;t=864000`.
///
/// draft-ietf-httpapi-ratelimit-headers-11 §§3–4. `w` is the length of this window, which for a month varies.
pub(crate) fn ietf(limit: &str, state: &WindowState, now: Micros) -> [(&'static str, String); 2] {
    let quota = state.max.min(INTEGER_MAX);
    let remaining = state.remaining().min(INTEGER_MAX);
    // The last representable window may have the length 0, but `w` must not be 0.
    let length_s = state.interval.length_s().max(1);
    [
        ("ratelimit-policy", item(limit, [("q", quota), ("w", length_s)])),
        ("ratelimit", item(limit, [("r", remaining), ("t", seconds_until(state.reset(), now))])),
    ]
}

/// Returns `X-RateLimit-Limit`, `-Remaining`, and `-Reset`, the last in seconds from now as in Envoy's own
/// filters.
pub(crate) fn x_ratelimit(state: &WindowState, now: Micros) -> [(&'static str, String); 3] {
    [
        ("x-ratelimit-limit", state.max.to_string()),
        ("x-ratelimit-remaining", state.remaining().to_string()),
        ("x-ratelimit-reset", seconds_until(state.reset(), now).to_string()),
    ]
}

/// Returns `Retry-After` for a request that has room from `reset` on: whole seconds, at least 1 (RFC 9110
/// §10.2.3).
pub(crate) fn retry_after(reset: Micros, now: Micros) -> (&'static str, String) {
    ("retry-after", seconds_until(reset, now).max(1).to_string())
}

/// Returns the seconds until `reset`, rounded up so that the client does not return too early.
fn seconds_until(reset: Micros, now: Micros) -> u64 {
    let span = reset.since(now);
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0))
}

/// Returns an Item of a structured field with parameters: `"asks";r=88;t=864000`.
fn item(name: &str, parameters: [(&str, u64); 2]) -> String {
    // Room for two integers, so that the buffer need not grow.
    const PARAMETERS_BYTES: usize = 40;
    let mut item = String::with_capacity(name.len().saturating_add(PARAMETERS_BYTES));
    push_quoted(&mut item, name);
    for (parameter, value) in parameters {
        // Writing to a String never fails.
        let _ = write!(item, ";{parameter}={value}");
    }
    item
}

/// Adds a String of a structured field (RFC 9651 §3.3.3), which may only contain printable ASCII.
fn push_quoted(field: &mut String, text: &str) {
    field.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => field.extend(['\\', c]),
            ' '..='~' => field.push(c),
            _ => field.push('?'),
        }
    }
    field.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan_table::Period;
    use crate::quota::calendar::Interval;

    /// 2026-11-21T00:00:00Z.
    const SATURDAY: Micros = Micros::from_secs(1_795_219_200);

    fn state(per: Period, max: u64, used: u64) -> WindowState {
        WindowState { per, max, used, interval: Interval::containing(per, SATURDAY) }
    }

    fn value<'a>(fields: &'a [(&'static str, String)], name: &str) -> &'a str {
        &fields.iter().find(|(n, _)| *n == name).unwrap().1
    }

    #[test]
    fn the_ietf_fields_name_quota_window_rest_and_seconds_to_the_reset() {
        let month = ietf("asks", &state(Period::Month, 100, 12), SATURDAY);
        assert_eq!(value(&month, "ratelimit-policy"), r#""asks";q=100;w=2592000"#);
        assert_eq!(value(&month, "ratelimit"), r#""asks";r=88;t=864000"#);
        let over = ietf("asks", &state(Period::Day, 5, 9), SATURDAY);
        assert_eq!(value(&over, "ratelimit-policy"), r#""asks";q=5;w=86400"#);
        assert_eq!(value(&over, "ratelimit"), r#""asks";r=0;t=86400"#);
    }

    #[test]
    fn values_are_limited_to_those_of_structured_fields() {
        let huge = ietf("a\"b\\c d\u{e4}\n", &state(Period::Day, u64::MAX, 0), SATURDAY);
        assert_eq!(value(&huge, "ratelimit-policy"), r#""a\"b\\c d??";q=999999999999999;w=86400"#);
        assert_eq!(value(&huge, "ratelimit"), r#""a\"b\\c d??";r=999999999999999;t=86400"#);
        let last = WindowState {
            interval: Interval::containing(Period::Second, Micros::MAX),
            ..state(Period::Second, 1, 0)
        };
        assert_eq!(value(&ietf("a", &last, Micros::MAX), "ratelimit-policy"), r#""a";q=1;w=1"#);
    }

    #[test]
    fn the_older_fields_are_plain_numbers() {
        let fields = x_ratelimit(&state(Period::Day, 5, 2), SATURDAY);
        assert_eq!(value(&fields, "x-ratelimit-limit"), "5");
        assert_eq!(value(&fields, "x-ratelimit-remaining"), "3");
        assert_eq!(value(&fields, "x-ratelimit-reset"), "86400");
    }

    #[test]
    fn waiting_is_rounded_up_and_never_zero() {
        let now = Micros::from_micros(10_000_000);
        let cases = [
            ("exactly two seconds", 12_000_000, "2"),
            ("a little more", 12_000_001, "3"),
            ("a little less", 11_999_999, "2"),
            ("within the second", 10_000_001, "1"),
            ("at this moment", 10_000_000, "1"),
            ("past already", 9_000_000, "1"),
        ];
        for (why, reset, want) in cases {
            assert_eq!(
                retry_after(Micros::from_micros(reset), now),
                ("retry-after", want.to_owned()),
                "{why}"
            );
        }
    }
}
