//! The version of an Envoy.

use std::fmt::{Display, Formatter};

/// A version of Envoy, such as 1.40.0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::check) struct EnvoyVersion {
    /// The number after `1.`, which counts the releases with new features.
    pub(super) minor: u32,
    text: String,
}

impl EnvoyVersion {
    /// Reads what `envoy --version` prints, like `envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL`. None if
    /// it is not of an Envoy 1.x.
    pub(super) fn printed(text: &str) -> Option<Self> {
        let version = text.split_once("version:")?.1.split('/').nth(1)?;
        let minor = version.strip_prefix("1.")?.split('.').next()?.parse().ok()?;
        Some(EnvoyVersion { minor, text: version.trim().to_owned() })
    }
}

impl Display for EnvoyVersion {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_envoy_prints() {
        let cases = [
            ("a release", "\nenvoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL\n", Some((40, "1.40.0"))),
            ("a development build", "version: 9e55/1.41.0-dev/Modified/DEBUG/B", Some((41, "1.41.0-dev"))),
            ("another major version", "envoy version: 9e55/2.0.0/Clean/R/B", None),
            ("another program", "GNU bash, version 5.2", None),
            ("nothing", "", None),
        ];
        for (why, text, want) in cases {
            let got = EnvoyVersion::printed(text);
            assert_eq!(
                got.map(|got| (got.minor, got.to_string())),
                want.map(|(minor, text)| (minor, text.to_owned())),
                "{why}"
            );
        }
    }
}
