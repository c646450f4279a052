//! Which texts were reported a moment ago, so that one cause is one line of the log a minute and not one for each token.

use crate::time::Micros;
use std::time::Duration;

/// How long a text is not reported again.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// How many texts are remembered. While so many are, no other is reported: the log is bounded too.
const TEXTS_MAX: usize = 64;

/// How much of a text is told and remembered, in characters.
const TEXT_CHARS_MAX: usize = 128;

/// What a worker has reported within the last minute.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    texts: Vec<(String, Micros)>,
}

impl Reported {
    /// Returns the text, cut to a length that the log may hold, if it is to be reported now.
    pub(crate) fn due(&mut self, text: &str, now: Micros) -> Option<String> {
        // What was reported later than now was reported before the clock stepped back.
        self.texts.retain(|(_, at)| *at <= now && now.since(*at) < REPORT_EVERY);
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
    fn a_text_is_reported_once_a_minute() {
        let mut reported = Reported::default();
        let mut is_due = |text: &str, seconds| reported.due(text, at(seconds)).is_some();
        assert!(is_due("gold", 0) && is_due("silver", 0), "each for itself");
        assert!(!is_due("gold", 0) && !is_due("gold", 59));
        assert!(is_due("gold", 60) && !is_due("gold", 61));
    }

    #[test]
    fn a_clock_that_steps_back_silences_nothing() {
        let mut reported = Reported::default();
        for number in 0..TEXTS_MAX {
            assert!(reported.due(&number.to_string(), at(100_000)).is_some());
        }
        assert!(reported.due("0", at(0)).is_some() && reported.due("new", at(0)).is_some());
        assert!(reported.due("0", at(1)).is_none(), "from then on as before");
    }

    #[test]
    fn texts_are_bounded_in_number_and_length() {
        let mut reported = Reported::default();
        let told = (0..1_000).filter(|number| reported.due(&format!("plan {number}"), at(0)).is_some());
        assert_eq!(told.count(), TEXTS_MAX);
        assert!(reported.due("late", at(60)).is_some(), "a minute later there is room again");
        let long = reported.due(&"\u{e9}".repeat(10_000), at(60)).unwrap();
        assert_eq!(long.chars().count(), TEXT_CHARS_MAX);
        assert!(reported.due(&"\u{e9}".repeat(9_000), at(60)).is_none(), "the part that is told is the same");
    }
}
