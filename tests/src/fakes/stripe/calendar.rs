//! Dates of the Gregorian calendar in UTC: billing periods end on the same day of a later month.

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
}

/// The length of a day in seconds.
pub(super) const DAY_S: i64 = 86_400;

impl Day {
    /// Returns the day of a time in Unix seconds:
    /// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
    pub(super) fn from_unix_s(unix_s: i64) -> Self {
        let shifted = unix_s.div_euclid(DAY_S) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Day {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        }
    }

    /// Returns its midnight in Unix seconds:
    /// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>.
    fn midnight(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        (era * 146_097 + day_of_era - 719_468) * DAY_S
    }

    fn days_of_month(year: i64, month: i64) -> i64 {
        match month {
            4 | 6 | 9 | 11 => 30,
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            _ => 31,
        }
    }
}

/// Returns a time in Unix seconds as a `Date` shows it (RFC 9110 section 5.6.7).
pub(super) fn http_date(unix_s: i64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Day { year, month, day } = Day::from_unix_s(unix_s);
    let weekday = WEEKDAYS[unix_s.div_euclid(DAY_S).rem_euclid(7) as usize];
    let month = MONTHS[month as usize - 1];
    let second = unix_s.rem_euclid(DAY_S);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Returns when a period of `count` intervals ends that starts at `start` (Unix seconds). A month without the
/// day ends it on its last day: <https://docs.stripe.com/billing/subscriptions/billing-cycle>.
pub(super) fn period_end(start: i64, interval: &str, count: i64) -> i64 {
    let months = match interval {
        "day" => return start + count * DAY_S,
        "week" => return start + count * 7 * DAY_S,
        "month" => count,
        "year" => count * 12,
        other => panic!("Stripe has no interval {other}"),
    };
    let from = Day::from_unix_s(start);
    let month_index = from.year * 12 + from.month - 1 + months;
    let (year, month) = (month_index.div_euclid(12), month_index.rem_euclid(12) + 1);
    let day = from.day.min(Day::days_of_month(year, month));
    Day { year, month, day }.midnight() + start.rem_euclid(DAY_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_ends_on_the_same_day_or_on_the_last_of_the_month() {
        let noon = |year, month, day| Day { year, month, day }.midnight() + 12 * 3600;
        for (why, start, interval, count, end) in [
            ("a month", noon(2026, 11, 28), "month", 1, noon(2026, 12, 28)),
            ("into a short month", noon(2026, 1, 31), "month", 1, noon(2026, 2, 28)),
            ("into a leap day", noon(2028, 1, 31), "month", 1, noon(2028, 2, 29)),
            ("over the year's end", noon(2026, 12, 15), "month", 3, noon(2027, 3, 15)),
            ("a year from a leap day", noon(2028, 2, 29), "year", 1, noon(2029, 2, 28)),
            ("two weeks", noon(2026, 12, 25), "week", 2, noon(2027, 1, 8)),
            ("days", noon(2026, 2, 27), "day", 2, noon(2026, 3, 1)),
        ] {
            assert_eq!(period_end(start, interval, count), end, "{why}");
        }
    }

    #[test]
    fn a_midnight_is_of_its_day() {
        assert_eq!(Day { year: 2000, month: 2, day: 29 }.midnight(), 951_782_400);
        for days in [-800_000, -1, 0, 11_016, 20_000] {
            assert_eq!(Day::from_unix_s(days * DAY_S).midnight(), days * DAY_S);
        }
    }
}
