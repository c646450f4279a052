//! Calendar periods in UTC: the start and end of the one around a given time.
//!
//! Dates are from the crate `time` without features, which adds 110 bytes to a module compared to the formula
//! alone.

use crate::plan_table::Period;
use crate::time::Micros;
use time::Date;

const SECONDS_PER_MINUTE: u64 = 60;
const SECONDS_PER_HOUR: u64 = 3_600;
const SECONDS_PER_DAY: u64 = 86_400;
const DAYS_PER_WEEK: u64 = 7;
/// 1 January 1970 was a Thursday, three days after a Monday.
const EPOCH_DAYS_AFTER_MONDAY: u64 = 3;
/// The Julian day number of 1 January 1970.
const EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// One second, minute, hour, day, week or month of the calendar: from `start` up to, but not including,
/// `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Its start, always a whole second.
    pub start: Micros,
    /// The first time after it, when its quota is available again. [`Micros::MAX`] if that is not
    /// representable.
    pub end: Micros,
}

impl Interval {
    /// Returns the interval of that period that contains the time `at`. Weeks start on Monday (ISO 8601).
    pub(crate) fn containing(period: Period, at: Micros) -> Self {
        let second = at.as_secs();
        let (start_s, end_s) = match period {
            Period::Second => multiple_below(second, 1),
            Period::Minute => multiple_below(second, SECONDS_PER_MINUTE),
            Period::Hour => multiple_below(second, SECONDS_PER_HOUR),
            Period::Day => multiple_below(second, SECONDS_PER_DAY),
            Period::Week => days_to_seconds(week_around(second / SECONDS_PER_DAY)),
            Period::Month => days_to_seconds(month_around(second / SECONDS_PER_DAY)),
        };
        Interval { start: Micros::from_secs(start_s), end: Micros::from_secs(end_s) }
    }

    /// Returns its length, in seconds.
    pub(crate) const fn length_s(self) -> u64 {
        self.end.as_secs().saturating_sub(self.start.as_secs())
    }
}

/// Returns a time in the format of RFC 3339, in UTC and whole seconds rounded down: `2026-12-01T00:00:00Z`.
///
/// Times after the year 9999, the last of RFC 3339, are written as its last second.
pub(crate) fn rfc3339(at: Micros) -> String {
    /// 9999-12-31T23:59:59Z.
    const LAST_S: u64 = 253_402_300_799;
    let second = at.as_secs().min(LAST_S);
    let (year, month, day) = date_of(second / SECONDS_PER_DAY).to_calendar_date();
    let month = u8::from(month);
    let hour = second % SECONDS_PER_DAY / SECONDS_PER_HOUR;
    let minute = second % SECONDS_PER_HOUR / SECONDS_PER_MINUTE;
    let second = second % SECONDS_PER_MINUTE;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn multiple_below(second: u64, length: u64) -> (u64, u64) {
    let start = second.saturating_sub(second.checked_rem(length).unwrap_or(0));
    (start, start.saturating_add(length))
}

/// Returns the first day of the week around a day since the epoch, and that of the next week. The first week
/// starts with the epoch.
fn week_around(day: u64) -> (u64, u64) {
    let since_a_monday = day.saturating_add(EPOCH_DAYS_AFTER_MONDAY);
    let (start, end) = multiple_below(since_a_monday, DAYS_PER_WEEK);
    (start.saturating_sub(EPOCH_DAYS_AFTER_MONDAY), end.saturating_sub(EPOCH_DAYS_AFTER_MONDAY))
}

fn days_to_seconds((start, end): (u64, u64)) -> (u64, u64) {
    (start.saturating_mul(SECONDS_PER_DAY), end.saturating_mul(SECONDS_PER_DAY))
}

/// Returns the first day of the month around a day since the epoch, and that of the next month.
fn month_around(day: u64) -> (u64, u64) {
    let date = date_of(day);
    let first = day.saturating_sub(u64::from(date.day()).saturating_sub(1));
    (first, first.saturating_add(u64::from(date.month().length(date.year()))))
}

/// Returns the date of a day since the epoch. Days after the year 9999 have its last date.
fn date_of(day: u64) -> Date {
    let julian = i32::try_from(day).ok().and_then(|day| day.checked_add(EPOCH_JULIAN_DAY));
    julian.and_then(|day| Date::from_julian_day(day).ok()).unwrap_or(Date::MAX)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    const DAY_S: u64 = 86_400;
    const WEEK_S: u64 = 7 * DAY_S;

    fn at(text: &str) -> Micros {
        let time = OffsetDateTime::parse(text, &Rfc3339).unwrap();
        Micros::from_micros(u64::try_from(time.unix_timestamp_nanos() / 1_000).unwrap())
    }

    #[test]
    fn each_boundary_belongs_to_the_later_interval() {
        let cases = [
            ("a second's end", Period::Second, "2026-11-21T10:20:30.999999Z", "2026-11-21T10:20:30Z", 1),
            ("a second's start", Period::Second, "2026-11-21T10:20:31Z", "2026-11-21T10:20:31Z", 1),
            ("a minute's end", Period::Minute, "2026-11-21T10:20:59.999999Z", "2026-11-21T10:20:00Z", 60),
            ("a minute's start", Period::Minute, "2026-11-21T10:21:00Z", "2026-11-21T10:21:00Z", 60),
            ("an hour's end", Period::Hour, "2026-11-21T10:59:59.999999Z", "2026-11-21T10:00:00Z", 3_600),
            ("an hour's start", Period::Hour, "2026-11-21T11:00:00Z", "2026-11-21T11:00:00Z", 3_600),
            ("a day's end", Period::Day, "2026-11-21T23:59:59.999999Z", "2026-11-21T00:00:00Z", DAY_S),
            ("a day's start", Period::Day, "2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z", DAY_S),
            ("a Sunday's end", Period::Week, "2026-11-22T23:59:59.999999Z", "2026-11-16T00:00:00Z", WEEK_S),
            ("a Monday's start", Period::Week, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", WEEK_S),
            (
                "week 53 goes into January",
                Period::Week,
                "2027-01-03T23:59:59Z",
                "2026-12-28T00:00:00Z",
                WEEK_S,
            ),
            ("week 1 of 2027", Period::Week, "2027-01-04T00:00:00Z", "2027-01-04T00:00:00Z", WEEK_S),
            (
                "week 1 of 2025 began before",
                Period::Week,
                "2025-01-01T00:00:00Z",
                "2024-12-30T00:00:00Z",
                WEEK_S,
            ),
        ];
        for (why, period, time, start, length_s) in cases {
            let interval = Interval::containing(period, at(time));
            assert_eq!((interval.start, interval.length_s()), (at(start), length_s), "{why}");
        }
    }

    #[test]
    fn months_have_their_own_length() {
        let cases = [
            ("30 days", "2026-11-30T23:59:59.999999Z", "2026-11-01", "2026-12-01"),
            ("31 days, into the next year", "2026-12-31T23:59:59Z", "2026-12-01", "2027-01-01"),
            ("the first moment", "2027-01-01T00:00:00Z", "2027-01-01", "2027-02-01"),
            ("no leap year", "2027-02-28T23:59:59Z", "2027-02-01", "2027-03-01"),
            ("the leap day", "2028-02-29T12:00:00Z", "2028-02-01", "2028-03-01"),
            ("after the leap day", "2028-03-01T00:00:00Z", "2028-03-01", "2028-04-01"),
            ("2000, a leap year", "2000-02-29T23:59:59Z", "2000-02-01", "2000-03-01"),
            ("2100, none", "2100-02-28T23:59:59Z", "2100-02-01", "2100-03-01"),
            ("the epoch", "1970-01-01T00:00:00Z", "1970-01-01", "1970-02-01"),
        ];
        for (why, time, start, end) in cases {
            let midnight = |date: &str| at(&format!("{date}T00:00:00Z"));
            let want = Interval { start: midnight(start), end: midnight(end) };
            assert_eq!(Interval::containing(Period::Month, at(time)), want, "{why}");
        }
        assert_eq!(Interval::containing(Period::Month, at("2028-02-10T00:00:00Z")).length_s(), 29 * DAY_S);
    }

    #[test]
    fn the_first_and_the_last_time_have_intervals() {
        let epoch = Interval::containing(Period::Week, Micros::default());
        assert_eq!(epoch, Interval { start: Micros::default(), end: at("1970-01-05T00:00:00Z") });
        for period in PERIODS {
            let last = Interval::containing(period, Micros::MAX);
            assert!(last.start <= last.end, "{period:?}");
        }
        assert_eq!(rfc3339(Micros::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(at("2026-12-01T00:00:00Z")), "2026-12-01T00:00:00Z");
    }

    const PERIODS: [Period; 6] =
        [Period::Second, Period::Minute, Period::Hour, Period::Day, Period::Week, Period::Month];

    /// Returns the start and end by the calendar of the crate `time`.
    fn reference(period: Period, time: OffsetDateTime) -> (i64, i64) {
        let midnight = |date: Date| date.midnight().assume_utc().unix_timestamp();
        let second = time.unix_timestamp();
        let date = time.date();
        match period {
            Period::Second => (second, second + 1),
            Period::Minute => (second - i64::from(time.second()), second - i64::from(time.second()) + 60),
            Period::Hour => {
                let start = time.replace_minute(0).unwrap().replace_second(0).unwrap().unix_timestamp();
                (start, start + 3_600)
            }
            Period::Day => (midnight(date), midnight(date.next_day().unwrap())),
            Period::Week => {
                let (year, week, _) = date.to_iso_week_date();
                let monday = Date::from_iso_week_date(year, week, time::Weekday::Monday).unwrap();
                (midnight(monday), midnight(monday) + 604_800)
            }
            Period::Month => {
                let first = date.replace_day(1).unwrap();
                let in_the_next = first.checked_add(time::Duration::days(31)).unwrap();
                (midnight(first), midnight(in_the_next.replace_day(1).unwrap()))
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn every_interval_is_the_same_as_in_another_calendar(second in 345_600_u64..253_399_000_000) {
            let micros = Micros::from_secs(second);
            let time = OffsetDateTime::from_unix_timestamp(i64::try_from(second).unwrap()).unwrap();
            for period in PERIODS {
                let interval = Interval::containing(period, micros);
                let ours = (interval.start.as_secs(), interval.end.as_secs());
                let (start, end) = reference(period, time);
                prop_assert_eq!(ours, (u64::try_from(start).unwrap(), u64::try_from(end).unwrap()));
            }
            prop_assert_eq!(rfc3339(micros), time.format(&Rfc3339).unwrap());
        }
    }
}
