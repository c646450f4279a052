//! Secrets, which print as `***` unless [`Secret::expose`] is called, and the quotation of texts that may
//! contain one.

use std::fmt;

/// The longest part of a user's text that an error quotes, in characters.
const QUOTE_CHARS_MAX: usize = 80;

/// A secret from the environment. Never blank.
///
/// It has neither `Display` nor `==`: signatures are compared in constant time, secrets never.
#[derive(Clone)]
pub struct Secret {
    text: String,
    /// The variable of the environment that holds it, for messages.
    variable: Option<&'static str>,
}

/// The error of a secret that is empty or only whitespace. With such a signing key, anyone could sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("blank")]
pub struct BlankSecretError;

impl Secret {
    /// Creates a secret of the text without surrounding whitespace.
    ///
    /// # Errors
    /// [`BlankSecretError`] if nothing is left.
    pub fn new(text: &str) -> Result<Self, BlankSecretError> {
        match text.trim() {
            "" => Err(BlankSecretError),
            text => Ok(Secret { text: text.to_owned(), variable: None }),
        }
    }

    /// Returns the secret itself, for a key or a header field, never for a log.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Sets the name of the variable that holds it.
    #[must_use]
    pub(crate) fn held_by(self, variable: &'static str) -> Self {
        Secret { variable: Some(variable), ..self }
    }

    /// Returns the name of the variable that holds it, if it is known.
    pub(crate) fn variable(&self) -> Option<&'static str> {
        self.variable
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Returns a user's text for an error: in quotation marks, on one line, and cut to a maximum length. A text
/// that looks like a key is replaced by `***`.
pub(crate) fn quote(text: &str) -> String {
    const KEYS: [&str; 6] = ["whsec_", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "-----BEGIN"];
    if KEYS.iter().any(|key| text.contains(key)) {
        return "***".to_owned();
    }
    let mut quoted = String::from("\"");
    quoted.extend(text.chars().take(QUOTE_CHARS_MAX).flat_map(char::escape_debug));
    quoted.push_str(if text.chars().nth(QUOTE_CHARS_MAX).is_some() { "…\"" } else { "\"" });
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars_unless_it_is_exposed() {
        let secret = Secret::new(" whsec_abc\n").unwrap();
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(secret.expose(), "whsec_abc");
    }

    #[test]
    fn a_blank_secret_is_refused() {
        for blank in ["", " ", "\r\n\t"] {
            assert_eq!(Secret::new(blank).unwrap_err(), BlankSecretError, "{blank:?}");
        }
    }

    #[test]
    fn quoted_text_stays_on_one_line_short_and_without_keys() {
        assert_eq!(quote("a\n\"b"), r#""a\n\"b""#);
        assert_eq!(quote(&"x".repeat(80)), format!("\"{}\"", "x".repeat(80)));
        assert_eq!(quote(&"x".repeat(81)), format!("\"{}…\"", "x".repeat(80)));
        assert_eq!(quote("clerk_user_id"), "\"clerk_user_id\"");
        for key in ["whsec_abc", "sk_live_abc", "a rk_test_abc", "-----BEGIN PRIVATE KEY-----"] {
            assert_eq!(quote(key), "***", "{key}");
        }
    }
}
