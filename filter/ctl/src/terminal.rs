//! What the command prints: in color on a terminal only, and without a panic if its reader is gone.

use anstyle::{AnsiColor, Style};
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// The style of an error.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The style of a warning.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The style of the position of an error in a file.
pub(crate) const POSITION: Style = Style::new().bold();
/// The style of a note.
pub(crate) const NOTE: Style = AnsiColor::Green.on_default().bold();

/// Whether some output could not be written, for another reason than that its reader is gone.
static INCOMPLETE: AtomicBool = AtomicBool::new(false);

/// Prints a line on standard output. It takes the arguments of `format!`.
macro_rules! print_line {
    ($($argument:tt)*) => { $crate::terminal::print(&format!("{}\n", format_args!($($argument)*))) };
}
/// Prints a line on standard error. It takes the arguments of `format!`.
macro_rules! print_error_line {
    ($($argument:tt)*) => { $crate::terminal::print_error(&format!("{}\n", format_args!($($argument)*))) };
}
pub(crate) use {print_error_line, print_line};

/// Prints a text on standard output. If its reader is gone (`tollgate … | head`), the rest is dropped: the
/// command still does its work, and returns its exit code.
pub(crate) fn print(text: &str) {
    let mut stream = anstream::stdout();
    if let Err(error) = stream.write_all(text.as_bytes()).and_then(|()| stream.flush())
        && error.kind() != ErrorKind::BrokenPipe
        && !INCOMPLETE.swap(true, Ordering::Relaxed)
    {
        print_error(&format!("error: standard output cannot be written: {error}\n"));
    }
}

/// Prints a text on standard error. If it cannot be written, there is nowhere to say so.
pub(crate) fn print_error(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Returns the exit code of a command: a success without its whole output is none.
pub(crate) fn exit_code(code: ExitCode) -> ExitCode {
    let is_complete = !INCOMPLETE.load(Ordering::Relaxed);
    if is_complete || code != ExitCode::SUCCESS { code } else { ExitCode::FAILURE }
}

/// The exit code of a command whose arguments or configuration are wrong.
const MISUSED: u8 = 2;

/// Prints what is wrong with the arguments or the configuration of a command, and returns its exit code.
pub(crate) fn misused(error: &str) -> ExitCode {
    print_error_line!("{}: {error}", styled(ERROR, "error"));
    ExitCode::from(MISUSED)
}

/// Returns a number of things, in the singular or plural: `1 warning`, `no warnings`.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    match number {
        0 => format!("no {thing}s"),
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

/// Returns a text in a style.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
