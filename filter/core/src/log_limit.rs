//! Rate limits for log lines that clients can cause: one line a minute for each cause, or some lines a second.

use crate::time::Micros;
use std::time::Duration;

/// The shortest time between two lines of the same cause.
const ONE_LINE_EVERY: Duration = Duration::from_secs(60);

/// The maximum number of texts to remember. While there are this many, no other text is logged, which bounds
/// the log too.
const TEXTS_MAX: usize = 64;

/// The longest part of a text that is logged and remembered, in characters.
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

/// The limits of causes that are identified by a text.
#[derive(Debug, Default)]
pub(crate) struct TextLogLimit {
    texts: Vec<(String, Micros)>,
}

impl TextLogLimit {
    /// Returns the text, cut to the maximum length, if it is to be logged now.
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

/// The maximum number of lines in one second.
const LINES_PER_SECOND_MAX: u32 = 10;

/// The limit of lines that are all different, per second.
#[derive(Debug, Default)]
pub(crate) struct SecondLogLimit {
    second: u64,
    lines: u32,
    left_out: u64,
}

impl SecondLogLimit {
    /// Returns the number of lines that were left out since the last one, if a line is to be written now.
    pub(crate) fn due(&mut self, now: Micros) -> Option<u64> {
        if self.second != now.as_secs() {
            self.second = now.as_secs();
            self.lines = 0;
        }
        if self.lines >= LINES_PER_SECOND_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.lines = self.lines.saturating_add(1);
        Some(std::mem::take(&mut self.left_out))
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
    fn a_cause_is_logged_once_a_minute() {
        let mut limit = LogLimit::default();
        for (at_s, want) in [(100, true), (100, false), (159, false), (160, true), (161, false)] {
            assert_eq!(limit.is_due(at(at_s)), want, "{at_s}");
        }
        assert!(limit.is_due(at(0)), "the clock stepped back");
        assert!(!limit.is_due(at(59)));
    }

    #[test]
    fn lines_of_one_second_are_bounded_and_the_others_counted() {
        let mut limit = SecondLogLimit::default();
        let written = (0..25).filter_map(|_| limit.due(at(0))).collect::<Vec<_>>();
        assert_eq!(written, [0; 10]);
        assert_eq!((limit.due(at(1)), limit.due(at(1))), (Some(15), Some(0)), "the next second");
        assert_eq!(limit.due(at(0)), Some(0), "the clock stepped back");
    }

    #[test]
    fn a_text_is_reported_once_a_minute() {
        let mut reported = TextLogLimit::default();
        let mut is_due = |text: &str, seconds| reported.due(text, at(seconds)).is_some();
        assert!(is_due("gold", 0) && is_due("silver", 0), "each separately");
        assert!(!is_due("gold", 0) && !is_due("gold", 59));
        assert!(is_due("gold", 60) && !is_due("gold", 61));
    }

    #[test]
    fn lines_are_logged_after_the_clock_steps_back() {
        let mut reported = TextLogLimit::default();
        for number in 0..TEXTS_MAX {
            assert!(reported.due(&number.to_string(), at(100_000)).is_some());
        }
        assert!(reported.due("0", at(0)).is_some() && reported.due("new", at(0)).is_some());
        assert!(reported.due("0", at(1)).is_none(), "limited again");
    }

    #[test]
    fn texts_are_bounded_in_number_and_length() {
        let mut reported = TextLogLimit::default();
        let logged = (0..1_000).filter(|number| reported.due(&format!("plan {number}"), at(0)).is_some());
        assert_eq!(logged.count(), TEXTS_MAX);
        assert!(reported.due("late", at(60)).is_some(), "a minute later there is room again");
        let long = reported.due(&"\u{e9}".repeat(10_000), at(60)).unwrap();
        assert_eq!(long.chars().count(), TEXT_CHARS_MAX);
        assert!(reported.due(&"\u{e9}".repeat(9_000), at(60)).is_none(), "the logged part is the same");
    }
}
