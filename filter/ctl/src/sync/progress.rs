//! The progress line: rewritten in place on a terminal, else written from time to time.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;
use tollgate_core::time::Micros;

/// How often the line is rewritten on a terminal, and how often one is written elsewhere.
const REWRITTEN_EVERY: Duration = Duration::from_millis(200);
const LOGGED_EVERY: Duration = Duration::from_secs(10);

/// The progress line.
#[derive(Debug)]
pub(super) struct ProgressLine {
    on_terminal: bool,
    quiet: bool,
    began: Micros,
    shown_at: Micros,
}

impl ProgressLine {
    pub(super) fn new(now: Micros, quiet: bool) -> Self {
        ProgressLine { on_terminal: stderr().is_terminal(), quiet, began: now, shown_at: now }
    }

    /// Shows a line, if it is time to.
    pub(super) fn show(&mut self, now: Micros, line: impl FnOnce() -> String) {
        let every = if self.on_terminal { REWRITTEN_EVERY } else { LOGGED_EVERY };
        if self.quiet || now.since(self.shown_at) < every {
            return;
        }
        self.shown_at = now;
        let (start, end) = if self.on_terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        let _ = write!(stderr(), "{start}{}{end}", line());
        let _ = stderr().flush();
    }

    /// Clears the line.
    pub(super) fn clear(&self) {
        if self.on_terminal && !self.quiet {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }

    /// Returns how long the rest takes at the speed so far, in words.
    pub(super) fn rest(&self, now: Micros, done: usize, left: usize) -> String {
        let spent_s = now.since(self.began).as_secs();
        let (done, left) = (u64::try_from(done).unwrap_or(u64::MAX), u64::try_from(left).unwrap_or(u64::MAX));
        match spent_s.saturating_mul(left).checked_div(done) {
            Some(rest_s) if done > 0 => format!("about {rest_s} s left"),
            _ => "beginning".to_owned(),
        }
    }
}
