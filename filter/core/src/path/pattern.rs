//! A path of the configuration, and its comparison with request paths.

use super::decoding::decoded;
use super::reading;

/// A path of the configuration, in the two forms that are compared with request paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathPattern {
    canonical: Vec<u8>,
    folded: Vec<u8>,
}

impl PathPattern {
    /// Creates the pattern of a path as written. `/x%3Ay` and `/x:y` are the same.
    pub(crate) fn new(written: &str) -> Self {
        let canonical = decoded(written.as_bytes());
        let folded = reading::of_pattern(&canonical);
        PathPattern { canonical, folded }
    }

    /// Returns whether a path in canonical form equals this one.
    pub(crate) fn equals(&self, canonical: &[u8]) -> bool {
        self.canonical == canonical
    }

    /// Returns whether a path in canonical form equals this one or is below it: `/ask` and `/ask/x`, not
    /// `/asking`.
    pub(crate) fn contains(&self, canonical: &[u8]) -> bool {
        let prefix = self.canonical.strip_suffix(b"/").unwrap_or(&self.canonical);
        canonical.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    /// Returns whether a folded reading equals this path, with or without a format suffix: `/ask.json`.
    pub(crate) fn may_equal(&self, reading: &[u8]) -> bool {
        match reading.strip_prefix(&*self.folded) {
            Some([]) => true,
            Some([b'.', suffix @ ..] | [b'/', b'.', suffix @ ..]) => {
                !self.folded.is_empty() && !suffix.contains(&b'/')
            }
            _ => false,
        }
    }

    /// Returns whether a folded reading equals this path, with or without a format suffix, or is below it.
    pub(crate) fn may_contain(&self, reading: &[u8]) -> bool {
        let below = reading.strip_prefix(&*self.folded).is_some_and(|rest| rest.starts_with(b"/"));
        below || self.may_equal(reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_path_are_one_pattern() {
        assert_eq!(PathPattern::new("/v1/docs%3Aexport"), PathPattern::new("/v1/docs:export"));
        assert_ne!(PathPattern::new("/v1/docs"), PathPattern::new("/v1/Docs"));
    }

    #[test]
    fn a_format_suffix_is_only_at_the_last_segment() {
        let ask = PathPattern::new("/v1/ask");
        for (reading, equal, below) in [
            ("/v1/ask", true, true),
            ("/v1/ask.json", true, true),
            ("/v1/ask.tar.gz", true, true),
            ("/v1/ask/x", false, true),
            ("/v1/ask/x.json", false, true),
            ("/v1/ask.json/x", false, false),
            ("/v1/asking", false, false),
            ("/v1", false, false),
        ] {
            assert_eq!(ask.may_equal(reading.as_bytes()), equal, "{reading}");
            assert_eq!(ask.may_contain(reading.as_bytes()), below, "{reading}");
        }
        let root = PathPattern::new("");
        assert!(root.may_contain(b"") && root.may_contain(b"/x.json"));
        assert!(PathPattern::new("/").may_equal(b"") && !PathPattern::new("/").may_equal(b"/.well-known"));
    }
}
