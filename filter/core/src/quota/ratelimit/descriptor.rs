//! The descriptor of a counter in envoyproxy/ratelimit: `subject`, `limit`, and `per` or `period`.

use crate::plan_table::Period;
use crate::quota::calendar::{Interval, rfc3339};
use crate::quota::client_network::ClientNetwork;
use crate::time::Micros;
use std::fmt::Write;

/// The length of `2026-11`.
const MONTH_BYTES: usize = 7;
/// The length of `2026-11-23`.
const DAY_BYTES: usize = 10;

/// The subject and the limit of counters: the part of the descriptor that is the same for all windows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CounterOf {
    /// The id of a user or an organization, or an address.
    pub(crate) subject: String,
    /// The limit's name.
    pub(crate) limit: String,
}

/// Returns the text of an anonymous caller's network: `192.0.2.1`, an IPv6 network like `2001:db8:1:2::/64`,
/// or a translated address like `64:ff9b:1:0:0:0:c000:201`.
pub(crate) fn address(network: &ClientNetwork) -> String {
    let mut text = String::new();
    match network {
        ClientNetwork::V4(octets) => {
            for (index, octet) in octets.iter().enumerate() {
                // Writing to a String cannot fail.
                let _ = write!(text, "{}{octet}", if index == 0 { "" } else { "." });
            }
        }
        ClientNetwork::V6(octets) => {
            for [high, low] in octets.as_chunks().0 {
                let _ = write!(text, "{:x}:", u16::from_be_bytes([*high, *low]));
            }
            text.push_str(":/64");
        }
        ClientNetwork::Translated(octets) => {
            for (index, [high, low]) in octets.as_chunks().0.iter().enumerate() {
                let separator = if index == 0 { "" } else { ":" };
                let _ = write!(text, "{separator}{:x}", u16::from_be_bytes([*high, *low]));
            }
        }
    }
    text
}

/// The counter of one window at a given time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The period of the window.
    pub per: Period,
    /// The window by the gateway's clock.
    pub interval: Interval,
}

impl Counter {
    /// Returns the counter for requests at the time `now`.
    pub fn at(per: Period, now: Micros) -> Self {
        Counter { per, interval: Interval::containing(per, now) }
    }

    /// Returns the last entry of the descriptor.
    ///
    /// The service has windows of fixed lengths that start with the epoch: its seconds, minutes, hours, and
    /// days are those of the calendar (UTC), and its response shows which window it counted in. It has no
    /// calendar weeks and months, so each of those has its own counter, which is named after its first day or
    /// its month.
    pub(crate) fn entry(&self) -> (&'static str, String) {
        let start = rfc3339(self.interval.start);
        let first = |bytes| start.get(..bytes).unwrap_or_default().to_owned();
        match self.per {
            Period::Week => ("period", first(DAY_BYTES)),
            Period::Month => ("period", first(MONTH_BYTES)),
            Period::Second | Period::Minute | Period::Hour | Period::Day => {
                ("per", self.per.name().to_owned())
            }
        }
    }

    /// Returns the number of the unit that the service's configuration must have for this counter
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

    /// Returns the window that the service counted in, from the seconds that are left of it.
    ///
    /// Clocks differ, so close to a window's end the service may be in another window than the gateway. They
    /// may differ by at most half of the window's length.
    pub(crate) fn counted_in(&self, seconds_left: u64, now: Micros) -> Interval {
        match self.per {
            Period::Week | Period::Month => self.interval,
            Period::Second | Period::Minute | Period::Hour | Period::Day => {
                let length = Micros::from_secs(self.interval.length_s());
                let half = length.as_micros() / 2;
                let end = Micros::from_secs(now.as_secs().saturating_add(seconds_left));
                Interval::containing(self.per, Micros::from_micros(end.as_micros().saturating_sub(half)))
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
    fn a_window_has_the_services_unit_or_its_own_name() {
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
        let day =
            |at: u64| Interval::containing(Period::Day, Micros::from_secs(midnight.as_secs() - 86_400 + at));
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
            assert_eq!(address(&ClientNetwork::from_address(of.parse().unwrap())), want);
        }
    }
}
