//! Errors of a configuration: the location, the problem, and the cure. They never show a secret.

pub(super) use crate::secret::quote;
use std::fmt;

/// The maximum number of errors that one check of a document collects.
pub const ERRORS_MAX: usize = 50;

/// The result of reading a part of the configuration. The error is boxed because every caller passes it on:
/// copying one word instead of nine makes a module smaller.
pub(super) type Checked<T> = Result<T, Box<ConfigError>>;

/// An error in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The location: `plan_gate.rules[2].limit`, the name of an environment variable, or empty for the whole
    /// document.
    pub path: String,
    /// The problem, in words.
    pub problem: String,
    /// The instructions to fix the problem; empty if it needs no explanation.
    pub cure: String,
}

impl ConfigError {
    /// Creates an error at `path`.
    pub(crate) fn new(path: impl AsRef<str>, problem: impl AsRef<str>, cure: impl AsRef<str>) -> Box<Self> {
        Self::copied(path.as_ref(), problem.as_ref(), cure.as_ref())
    }

    /// Copies the texts. Never inlined: there are a hundred callers, and the module must stay small.
    #[cold]
    #[inline(never)]
    fn copied(path: &str, problem: &str, cure: &str) -> Box<Self> {
        let (path, problem, cure) = (path.to_owned(), problem.to_owned(), cure.to_owned());
        Box::new(ConfigError { path, problem, cure })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)?;
        if !self.cure.is_empty() {
            write!(f, "; {}", self.cure)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The errors found so far. Values with errors are recorded and skipped, so that one check finds several
/// errors.
#[derive(Debug, Default)]
pub struct Problems(Vec<ConfigError>);

impl Problems {
    /// Records an error, unless it is known, or there are [`ERRORS_MAX`] already.
    #[cold]
    #[inline(never)]
    #[allow(clippy::boxed_local, reason = "it comes boxed, as in Checked")]
    pub(super) fn add(&mut self, error: Box<ConfigError>) {
        // Two sections may read the same field.
        if self.0.len() < ERRORS_MAX && !self.0.contains(&error) {
            self.0.push(*error);
        }
    }

    /// Returns the value, or records the error and returns `None`.
    pub(super) fn keep<T>(&mut self, result: Checked<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// Returns the value, or records the error and returns the default value. The default is never used,
    /// because a configuration with an error is refused: it only saves the code of an early return in each
    /// caller.
    #[inline(never)]
    pub(super) fn keep_or_default<T: Default>(&mut self, result: Checked<T>) -> T {
        self.keep(result).unwrap_or_default()
    }

    /// Returns whether there is any error.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Returns all recorded errors.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        self.0
    }
}

/// Returns the path of a field.
#[inline(never)]
pub(super) fn field(at: &str, name: &str) -> String {
    [at, ".", name].concat()
}

/// Returns the path of an item of a list.
#[inline(never)]
pub(super) fn item(at: &str, index: usize) -> String {
    format!("{at}[{index}]")
}

/// Returns a list of names in quotation marks, for an error.
pub(super) fn quote_all<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    quote_each(&mut names.into_iter())
}

/// Does the work of [`quote_all`] in one body for all types of iterators.
#[inline(never)]
fn quote_each(names: &mut dyn Iterator<Item = &str>) -> String {
    const NAMES_MAX: usize = 20;
    let mut list = (&mut *names).take(NAMES_MAX).map(quote).collect::<Vec<_>>().join(", ");
    if list.is_empty() {
        list.push_str("none");
    }
    if names.next().is_some() {
        list.push_str(", …");
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_of_path_problem_and_cure() {
        let cases = [
            (("a.b", "is wrong", "right it"), "a.b: is wrong; right it"),
            (("", "is wrong", "right it"), "is wrong; right it"),
            (("a.b", "is wrong", ""), "a.b: is wrong"),
        ];
        for ((path, problem, cure), line) in cases {
            assert_eq!(ConfigError::new(path, problem, cure).to_string(), line);
        }
    }

    #[test]
    fn a_long_list_of_names_is_cut() {
        assert_eq!(quote_all([]), "none");
        assert_eq!(quote_all(["a", "b"]), r#""a", "b""#);
        assert!(quote_all(vec!["a"; 21]).ends_with("\"a\", …"));
        assert!(quote_all(vec!["a"; 20]).ends_with("\"a\""));
    }

    #[test]
    fn no_more_errors_are_collected_than_the_maximum() {
        let mut problems = Problems::default();
        for number in 0..=ERRORS_MAX {
            problems.add(ConfigError::new(number.to_string(), "", ""));
        }
        assert_eq!(problems.into_errors().len(), ERRORS_MAX);
    }

    #[test]
    fn an_error_that_two_sections_find_is_recorded_once() {
        let mut problems = Problems::default();
        for path in ["plan_gate.issuer", "plan_gate.issuer", "billing.path"] {
            problems.add(ConfigError::new(path, "", ""));
        }
        assert_eq!(problems.into_errors().len(), 2);
    }
}
