//! What a counter is called in envoyproxy/ratelimit: `subject`, `limit`, and `per` or `period`.

use crate::plan_table::Period;
use crate::quota::calendar::{Interval, rfc3339};
use crate::quota::client_network::ClientNetwork;
use crate::time::Micros;
use std::fmt::Write;

/// `2026-11`.
const MONTH_BYTES: usize = 7;
/// `2026-11-23`.
const DAY_BYTES: usize = 10;

/// Whose counters of which limit: the part of a descriptor that all windows of the limit have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CounterOf {
    /// The id of a user or an organization, or an address.
    pub(crate) subject: String,
    /// The limit's name.
    pub(crate) limit: String,
}

/// How an anonymous caller is written: `192.0.2.1`, an IPv6 network as `2001:db8:1:2::/64`, or a translated address as
/// `64:ff9b:1:0:0:0:c000:201`.
pub(crate) fn address(network: &ClientNetwork) -> String {
    let mut text = String::new();
    match network {
        ClientNetwork::V4(octets) => {
            for (place, octet) in octets.iter().enumerate() {
                // Writing to a String has no failing case.
                let _ = write!(text, "{}{octet}", if place == 0 { "" } else { "." });
            }
        }
        ClientNetwork::V6(octets) => {
            for [high, low] in octets.as_chunks().0 {
                let _ = write!(text, "{:x}:", u16::from_be_bytes([*high, *low]));
            }
            text.push_str(":/64");
        }
        ClientNetwork::Translated(octets) => {
            for (place, [high, low]) in octets.as_chunks().0.iter().enumerate() {
                let separator = if place == 0 { "" } else { ":" };
                let _ = write!(text, "{separator}{:x}", u16::from_be_bytes([*high, *low]));
            }
        }
    }
    text
}

/// One window's counter, as it is called at a given time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The kind of window.
    pub per: Period,
    /// The window by the gateway's clock.
    pub interval: Interval,
}

impl Counter {
    /// The one that a request at the time `now` counts in.
    pub fn at(per: Period, now: Micros) -> Self {
        Counter { per, interval: Interval::of(per, now) }
    }

    /// The last entry of the descriptor.
    ///
    /// The service knows windows of fixed lengths that begin with the epoch: seconds, minutes, hours and days are the
    /// calendar's (UTC), and it tells which one it is in. It knows no calendar weeks and months, so each of those is a
    /// counter of its own that is called after the day or month it begins with.
    pub(crate) fn entry(&self) -> (&'static str, String) {
        let begins = rfc3339(self.interval.start);
        let first = |bytes| begins.get(..bytes).unwrap_or_default().to_owned();
        match self.per {
            Period::Week => ("period", first(DAY_BYTES)),
            Period::Month => ("period", first(MONTH_BYTES)),
            Period::Second | Period::Minute | Period::Hour | Period::Day => {
                ("per", self.per.name().to_owned())
            }
        }
    }

    /// The service's number for the unit that its configuration must have for this counter
    /// (`RateLimitResponse.RateLimit.Unit` of Envoy's API).
    pub(crate) const fn unit(&self) -> u64 {
        match self.per {
            Period::Second => 1,
            Period::Minute => 2,
            Period::Hour => 3,
            Period::Day => 4,
            // A year: longer than either.
            Period::Week | Period::Month => 6,
        }
    }

    /// The window that the service has counted in, which says how many seconds of it are left.
    ///
    /// Two clocks are never the same: close to a window's end the service may be in another one than the gateway. The
    /// half of the window's length is what they may differ by.
    pub(crate) fn counted_in(&self, seconds_left: u64, now: Micros) -> Interval {
        match self.per {
            Period::Week | Period::Month => self.interval,
            Period::Second | Period::Minute | Period::Hour | Period::Day => {
                let length = Micros::from_secs(self.interval.length_s());
                let half = length.as_micros() / 2;
                let end = Micros::from_secs(now.as_secs().saturating_add(seconds_left));
                Interval::of(self.per, Micros::from_micros(end.as_micros().saturating_sub(half)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-26T14:30:15Z, a Thursday.
    const NOW: Micros = Micros::from_secs(1_795_703_415);

    #[test]
    fn a_window_has_the_services_unit_or_a_name_of_its_own() {
        let cases = [
            (Period::Second, ("per", "second"), 1),
            (Period::Minute, ("per", "minute"), 2),
            (Period::Hour, ("per", "hour"), 3),
            (Period::Day, ("per", "day"), 4),
            (Period::Week, ("period", "2026-11-23"), 6),
            (Period::Month, ("period", "2026-11"), 6),
        ];
        for (per, (key, value), unit) in cases {
            let counter = Counter::at(per, NOW);
            assert_eq!(counter.entry(), (key, value.to_owned()));
            assert_eq!(counter.unit(), unit);
        }
    }

    #[test]
    fn the_window_is_the_one_that_the_service_has_counted_in() {
        let midnight = Micros::from_secs(1_795_737_600);
        let day = |at: u64| Interval::of(Period::Day, Micros::from_secs(midnight.as_secs() - 86_400 + at));
        let cases = [
            ("in the middle of the day", 43_200, 43_200, day(0)),
            ("both at the last second", 86_399, 1, day(0)),
            ("both at the first second", 86_400, 86_400, day(86_400)),
            ("the gateway is a second ahead", 86_400, 1, day(0)),
            ("the service is a second ahead", 86_399, 86_400, day(86_400)),
            ("the service is an hour ahead", 82_800, 86_400, day(86_400)),
        ];
        for (why, at, seconds_left, want) in cases {
            let now = Micros::from_secs(midnight.as_secs() - 86_400 + at);
            assert_eq!(Counter::at(Period::Day, now).counted_in(seconds_left, now), want, "{why}");
        }
        let month = Counter::at(Period::Month, NOW);
        assert_eq!(month.counted_in(1, NOW), month.interval, "it has a name of its own");
        let ends_of_time = Counter::at(Period::Day, Micros::MAX);
        let _ = ends_of_time.counted_in(u64::MAX, Micros::MAX);
    }

    #[test]
    fn addresses_are_written_as_usual() {
        for (of, want) in [
            ("192.0.2.1", "192.0.2.1"),
            ("64:ff9b::192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("::1", "0:0:0:0::/64"),
            ("64:ff9b:1::192.0.2.1", "64:ff9b:1:0:0:0:c000:201"),
        ] {
            assert_eq!(address(&ClientNetwork::of(of.parse().unwrap())), want);
        }
    }
}
