//! Errors of deserialization, whose path grows from the inside out.

use super::error::{ConfigError, quote};
use super::example::{self, Example};
use serde::de::{self, Expected, Unexpected};
use std::fmt;

/// A [`ConfigError`] whose path is still incomplete: each enclosing field or list adds its part in front.
/// Boxed, so that the results of the derived code that returns it are small.
///
/// If its cure is empty, [`FieldError::into_error`] uses an example of the field at the path.
#[derive(Debug)]
pub(super) struct FieldError(Box<ConfigError>);

impl FieldError {
    #[cold]
    #[inline(never)]
    pub(super) fn new(problem: String) -> Self {
        FieldError(ConfigError::new("", problem, ""))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn mismatch(found: &str, expected: &str) -> Self {
        FieldError::new(format!("expected {expected}, found {found}"))
    }

    #[cold]
    #[inline(never)]
    fn inside(mut self, segment: &str) -> Self {
        let inner = &self.0.path;
        let dot = if inner.is_empty() || inner.starts_with('[') { "" } else { "." };
        self.0.path = format!("{segment}{dot}{inner}");
        self
    }

    #[cold]
    #[inline(never)]
    pub(super) fn in_field(self, key: &str) -> Self {
        self.inside(&segment(key))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn in_item(self, index: usize) -> Self {
        self.inside(&format!("[{index}]"))
    }

    /// Sets the cure for a name that is not one of `known`.
    fn with_known(mut self, name: &str, known: &[&str]) -> Self {
        self.0.cure = match nearest(name, known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known here: {}", known.join(", ")),
        };
        self
    }

    pub(super) fn into_error(mut self, section: &[Example]) -> Box<ConfigError> {
        if self.0.cure.is_empty() {
            self.0.cure = example::cure(&self.0.path, section);
        }
        self.0
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.path, self.0.problem)
    }
}

impl std::error::Error for FieldError {}

impl de::Error for FieldError {
    #[cold]
    #[inline(never)]
    fn custom<T: fmt::Display>(message: T) -> Self {
        FieldError::new(message.to_string())
    }

    #[cold]
    #[inline(never)]
    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        FieldError::new(format!("expected {expected}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    #[cold]
    #[inline(never)]
    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        FieldError::new(format!("unknown value {}", quote(variant))).with_known(variant, expected)
    }

    #[cold]
    #[inline(never)]
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let error = FieldError::new("unknown field".to_owned()).with_known(field, expected);
        error.inside(&segment(field))
    }

    #[cold]
    #[inline(never)]
    fn duplicate_field(field: &'static str) -> Self {
        FieldError::new("appears twice".to_owned()).inside(field)
    }

    #[cold]
    #[inline(never)]
    fn missing_field(field: &'static str) -> Self {
        FieldError::new("missing".to_owned()).inside(field)
    }
}

/// Returns a key as a part of a path: unquoted if it has only the characters of Tollgate's own fields.
fn segment(key: &str) -> String {
    let plain = key.len() <= 64 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    let quoted = quote(key);
    if plain && quoted != "***" { key.to_owned() } else { quoted }
}

/// Returns the known name within an edit or two of a misspelled one.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    /// Longer names are not compared, because the work grows with the length.
    const NAME_BYTES_MAX: usize = 64;
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let near = |known: &&str| edits(name, known) <= (known.len() / 3).clamp(1, 2);
    known.iter().copied().filter(near).min_by_key(|known| edits(name, known))
}

/// Returns how many letters must be inserted, deleted, or replaced to turn `from` into `to` (Levenshtein
/// distance).
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.bytes().enumerate() {
        let (mut diagonal, mut left) = (index, index.saturating_add(1));
        for (cell, wanted) in row.iter_mut().skip(1).zip(to.bytes()) {
            let replaced = diagonal.saturating_add(usize::from(letter != wanted));
            diagonal = *cell;
            left = replaced.min(diagonal.saturating_add(1)).min(left.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_name_finds_the_nearest_known_one() {
        let known = ["rules", "issuer", "cookie", "shadow"];
        let cases = [
            ("rule", Some("rules")),
            ("isuer", Some("issuer")),
            ("cokies", Some("cookie")),
            ("roles", Some("rules")),
            ("roless", None),
            ("", None),
            ("plan_gate", None),
        ];
        for (name, near) in cases {
            assert_eq!(nearest(name, &known), near, "{name}");
        }
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(nearest(&"x".repeat(1 << 20), &known), None);
    }
}
