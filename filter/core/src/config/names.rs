//! Checks of names, keys, numbers, and lists in the document.

use super::error::{Checked, ConfigError, item, quote};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The longest name of a plan, limit, feature or rule, in bytes. They enter header fields, metadata and
/// metrics.
const NAME_BYTES_MAX: usize = 64;

/// The longest key of Stripe's metadata (<https://docs.stripe.com/api/metadata>).
const METADATA_KEY_BYTES_MAX: usize = 40;

/// The longest lookup key, and the longest other text, such as an audience.
const TEXT_BYTES_MAX: usize = 255;

/// Checks a name that enters header fields, metadata and metrics.
pub(super) fn name(text: &str, path: &str) -> Checked<String> {
    let sane = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(sane) {
        return Ok(text.to_owned());
    }
    let cure = format!("use letters, digits, `_` and `-`, 1 to {NAME_BYTES_MAX} of them");
    Err(ConfigError::new(path, format!("{} is not a valid name", quote(text)), cure))
}

/// Checks a key of Stripe's metadata.
pub(super) fn metadata_key(text: &str, path: &str) -> Checked<String> {
    let sane = |b: u8| b.is_ascii_graphic() && b != b'[' && b != b']';
    if !text.is_empty() && text.len() <= METADATA_KEY_BYTES_MAX && text.bytes().all(sane) {
        return Ok(text.to_owned());
    }
    let cure = format!("use 1 to {METADATA_KEY_BYTES_MAX} characters without blanks and square brackets");
    Err(ConfigError::new(path, format!("{} is not a valid key of Stripe's metadata", quote(text)), cure))
}

/// Checks a text that is compared with a value from a token or from Stripe.
pub(super) fn text(text: &str, path: &str) -> Checked<String> {
    let trimmed = text.trim() == text && !text.is_empty();
    if trimmed && text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    let cure = format!("use 1 to {TEXT_BYTES_MAX} characters without line breaks, and no blanks around them");
    Err(ConfigError::new(path, format!("{} is blank, too long or not plain", quote(text)), cure))
}

/// Checks a request method. Methods are case-sensitive (RFC 9110 §9.1).
pub(super) fn method(text: &str, path: &str) -> Checked<String> {
    const METHOD_BYTES_MAX: usize = 32;
    let sane = |b: u8| b.is_ascii_uppercase() || b == b'-';
    if !text.is_empty() && text.len() <= METHOD_BYTES_MAX && text.bytes().all(sane) {
        return Ok(text.to_owned());
    }
    let problem = format!("{} is not a method", quote(text));
    Err(ConfigError::new(path, problem, "write methods in capitals, like GET or POST"))
}

/// Checks a number. `unit` is the unit in the error, such as `seconds`.
pub(super) fn between(value: u64, range: RangeInclusive<u64>, unit: &str, path: &str) -> Checked<u64> {
    if range.contains(&value) {
        return Ok(value);
    }
    let cure =
        format!("use {} to {}{}{unit}", range.start(), range.end(), if unit.is_empty() { "" } else { " " });
    Err(ConfigError::new(path, format!("{value} is out of range"), cure))
}

/// Checks the length of a list.
pub(super) fn length(length: usize, max: usize, path: &str) -> Checked<()> {
    if length <= max {
        return Ok(());
    }
    Err(ConfigError::new(path, format!("has {length} entries"), format!("there may be at most {max}")))
}

/// Checks every item of a list with `check`, and that none appears twice.
pub(super) fn list(
    items: &[impl AsRef<str>],
    max: usize,
    path: &str,
    check: fn(&str, &str) -> Checked<String>,
) -> Checked<Vec<String>> {
    length(items.len(), max, path)?;
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut checked = Vec::with_capacity(items.len());
    for (index, text) in items.iter().enumerate() {
        let path = item(path, index);
        let text = check(text.as_ref(), &path)?;
        if !seen.insert(text.clone()) {
            return Err(ConfigError::new(path, format!("{} appears twice", quote(&text)), "remove one"));
        }
        checked.push(text);
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_safe_in_header_fields() {
        let (longest, too_long) = ("a".repeat(NAME_BYTES_MAX), "a".repeat(NAME_BYTES_MAX + 1));
        let cases = [
            ("letters, digits, underscore, hyphen", "pro_2-B", true),
            ("the longest", longest.as_str(), true),
            ("one too long", too_long.as_str(), false),
            ("empty", "", false),
            ("a blank", "pro plan", false),
            ("a line break", "pro\r\nx: y", false),
            ("a quotation mark", "pro\"", false),
            ("a comma", "a,b", false),
            ("not ASCII", "größer", false),
        ];
        for (why, text, good) in cases {
            assert_eq!(name(text, "p").is_ok(), good, "{why}");
        }
    }

    #[test]
    fn numbers_and_lists_end_at_their_maxima() {
        for (value, good) in [(0, false), (1, true), (9, true), (10, false)] {
            assert_eq!(between(value, 1..=9, "seconds", "p").is_ok(), good, "{value}");
        }
        assert_eq!(between(0, 1..=9, "days", "p").unwrap_err().cure, "use 1 to 9 days");
        assert!(length(2, 2, "p").is_ok());
        assert_eq!(length(3, 2, "p").unwrap_err().to_string(), "p: has 3 entries; there may be at most 2");
    }

    #[test]
    fn a_duplicate_item_is_reported_with_its_index() {
        let items = ["GET".to_owned(), "POST".to_owned(), "GET".to_owned()];
        let error = list(&items, 5, "methods", method).unwrap_err();
        assert_eq!(error.to_string(), "methods[2]: \"GET\" appears twice; remove one");
    }
}
