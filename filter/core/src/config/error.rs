//! What is wrong with a configuration: where, what, and what to do about it. Never shows a secret.

pub(super) use crate::secret::quote;
use std::fmt;

/// How many errors one look at a document collects.
pub const ERRORS_MAX: usize = 50;

/// What reading a part of the configuration gives. The error is boxed because every part hands it on, and the code
/// for that is what weighs in a module: one word instead of nine.
pub(super) type Checked<T> = Result<T, Box<ConfigError>>;

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where: `plan_gate.rules[2].limit`, the name of an environment variable, or empty for the whole document.
    pub(crate) path: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it; empty where the problem says it all.
    pub cure: String,
}

impl ConfigError {
    /// An error at that path.
    pub(super) fn new(path: impl AsRef<str>, problem: impl AsRef<str>, cure: impl AsRef<str>) -> Box<Self> {
        Self::copied(path.as_ref(), problem.as_ref(), cure.as_ref())
    }

    /// Never inlined: there are a hundred calls, and bytes of a module are dear.
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

/// The errors found so far. What cannot be read is noted and left out, so that one look finds more than one.
#[derive(Debug, Default)]
pub struct Problems(Vec<ConfigError>);

impl Problems {
    /// Notes an error, or nothing any more beyond [`ERRORS_MAX`].
    #[cold]
    #[inline(never)]
    #[allow(clippy::boxed_local, reason = "it comes boxed, as in Checked")]
    pub(super) fn add(&mut self, error: Box<ConfigError>) {
        if self.0.len() < ERRORS_MAX {
            self.0.push(*error);
        }
    }

    /// The value, or nothing and its error noted.
    pub(super) fn keep<T>(&mut self, result: Checked<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// The value, or a stand-in and its error noted. Nothing of a configuration with an error is ever used: a
    /// stand-in only saves the bytes of giving up at each place.
    #[inline(never)]
    pub(super) fn keep_or_default<T: Default>(&mut self, result: Checked<T>) -> T {
        self.keep(result).unwrap_or_default()
    }

    /// Whether any was noted.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// All that were noted.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        self.0
    }
}

/// The path of a field.
#[inline(never)]
pub(super) fn field(at: &str, name: &str) -> String {
    [at, ".", name].concat()
}

/// The path of an item of a list.
#[inline(never)]
pub(super) fn item(at: &str, place: usize) -> String {
    format!("{at}[{place}]")
}

/// A list of names within an error, in quotation marks.
pub(super) fn quote_all<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    quote_each(&mut names.into_iter())
}

/// One body for all kinds of iterators.
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
    fn an_error_is_one_line_of_place_problem_and_cure() {
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
        for _ in 0..=ERRORS_MAX {
            problems.add(ConfigError::new("", "", ""));
        }
        assert_eq!(problems.into_errors().len(), ERRORS_MAX);
    }
}
