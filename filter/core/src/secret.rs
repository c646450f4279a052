//! A value that must not be seen: it prints as `***`, and only [`Secret::expose`] shows it.

use std::fmt;

/// A secret from the environment. Never blank.
///
/// It has no `Display`, and no `==`: signatures are compared in constant time, secrets not at all.
#[derive(Clone)]
pub struct Secret(String);

/// A secret that is empty or only blanks. As a signing key it would let everybody sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("blank")]
pub struct BlankSecret;

impl Secret {
    /// Takes the text without the blanks around it.
    ///
    /// # Errors
    /// [`BlankSecret`] if nothing is left.
    pub fn new(text: &str) -> Result<Self, BlankSecret> {
        match text.trim() {
            "" => Err(BlankSecret),
            text => Ok(Secret(text.to_owned())),
        }
    }

    /// The secret itself: for a key or a header field, not for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars_and_is_shown_only_on_request() {
        let secret = Secret::new(" whsec_abc\n").unwrap();
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(secret.expose(), "whsec_abc");
    }

    #[test]
    fn a_blank_secret_is_refused() {
        for blank in ["", " ", "\r\n\t"] {
            assert_eq!(Secret::new(blank).unwrap_err(), BlankSecret, "{blank:?}");
        }
    }
}
