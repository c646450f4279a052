//! The progress line: rewritten on a terminal, otherwise written at intervals.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;
use tollgate_core::time::Micros;

/// The interval between two lines on a terminal, and elsewhere.
const REWRITTEN_EVERY: Duration = Duration::from_millis(200);
const LOGGED_EVERY: Duration = Duration::from_secs(10);

/// The progress line.
#[derive(Debug)]
pub(super) struct ProgressLine {
    on_terminal: bool,
    quiet: bool,
    started: Micros,
    shown_at: Micros,
}

impl ProgressLine {
    pub(super) fn new(now: Micros, quiet: bool) -> Self {
        ProgressLine { on_terminal: stderr().is_terminal(), quiet, started: now, shown_at: now }
    }

    /// Shows a line, if the interval is over.
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

    /// Returns how long the rest takes at the speed so far, as text.
    pub(super) fn rest(&self, now: Micros, done: usize, left: usize) -> String {
        let spent_s = now.since(self.started).as_secs();
        let (done, left) = (u64::try_from(done).unwrap_or(u64::MAX), u64::try_from(left).unwrap_or(u64::MAX));
        match spent_s.saturating_mul(left).checked_div(done) {
            Some(rest_s) if done > 0 => format!("about {rest_s} s left"),
            _ => "starting".to_owned(),
        }
    }
}
