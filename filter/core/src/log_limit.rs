//! Limits for lines of the log that others can cause as often as they like: one a minute for each cause.

use crate::time::Micros;
use std::time::Duration;

/// How long a cause is not logged again.
const ONE_LINE_EVERY: Duration = Duration::from_secs(60);

/// How many texts are remembered. While so many are, no other is logged: the log is bounded too.
const TEXTS_MAX: usize = 64;

/// How much of a text is logged and remembered, in characters.
const TEXT_CHARS_MAX: usize = 128;

/// The limit of one cause.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Option<Micros>);

impl LogLimit {
    /// Returns whether the line is to be written now.
    pub(crate) fn is_due(&mut self, now: Micros) -> bool {
        let due = !self.0.is_some_and(|logged_at| logged_at.is_within(ONE_LINE_EVERY, now));
        if due {
            self.0 = Some(now);
        }
        due
    }
}

/// The limits of causes that are texts.
#[derive(Debug, Default)]
pub(crate) struct TextLogLimit {
    texts: Vec<(String, Micros)>,
}

impl TextLogLimit {
    /// Returns the text, cut to a length that the log may hold, if it is to be logged now.
    pub(crate) fn due(&mut self, text: &str, now: Micros) -> Option<String> {
        self.texts.retain(|(_, at)| at.is_within(ONE_LINE_EVERY, now));
        let text: String = text.chars().take(TEXT_CHARS_MAX).collect();
        if self.texts.len() >= TEXTS_MAX || self.texts.iter().any(|(known, _)| *known == text) {
            return None;
        }
        self.texts.push((text.clone(), now));
        Some(text)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Micros {
        Micros::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn what_strangers_cause_is_logged_once_a_minute() {
        let mut limit = LogLimit::default();
        for (at_s, want) in [(100, true), (100, false), (159, false), (160, true), (161, false)] {
            assert_eq!(limit.is_due(at(at_s)), want, "{at_s}");
        }
        assert!(limit.is_due(at(0)), "the clock stepped back, and nothing stays silent");
        assert!(!limit.is_due(at(59)));
    }

    #[test]
    fn a_text_is_reported_once_a_minute() {
        let mut reported = TextLogLimit::default();
        let mut is_due = |text: &str, seconds| reported.due(text, at(seconds)).is_some();
        assert!(is_due("gold", 0) && is_due("silver", 0), "each for itself");
        assert!(!is_due("gold", 0) && !is_due("gold", 59));
        assert!(is_due("gold", 60) && !is_due("gold", 61));
    }

    #[test]
    fn a_clock_that_steps_back_silences_nothing() {
        let mut reported = TextLogLimit::default();
        for number in 0..TEXTS_MAX {
            assert!(reported.due(&number.to_string(), at(100_000)).is_some());
        }
        assert!(reported.due("0", at(0)).is_some() && reported.due("new", at(0)).is_some());
        assert!(reported.due("0", at(1)).is_none(), "from then on as before");
    }

    #[test]
    fn texts_are_bounded_in_number_and_length() {
        let mut reported = TextLogLimit::default();
        let told = (0..1_000).filter(|number| reported.due(&format!("plan {number}"), at(0)).is_some());
        assert_eq!(told.count(), TEXTS_MAX);
        assert!(reported.due("late", at(60)).is_some(), "a minute later there is room again");
        let long = reported.due(&"\u{e9}".repeat(10_000), at(60)).unwrap();
        assert_eq!(long.chars().count(), TEXT_CHARS_MAX);
        assert!(reported.due(&"\u{e9}".repeat(9_000), at(60)).is_none(), "the part that is told is the same");
    }
}
