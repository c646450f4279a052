//! The examples that ship with Tollgate, and what they contain to be replaced.

use crate::check::finding::{Finding, FindingKind};
use crate::check::input::file::CheckedFile;
use crate::document;
use serde_json::Value;

/// The files that ship.
const SHIPPED: [&str; 6] = [
    include_str!("../../../../../envoy/standalone.yaml"),
    include_str!("../../../../../envoy/standalone-native.yaml"),
    include_str!("../../../../../envoy/istio/tollgate.yaml"),
    include_str!("../../../../../envoy/envoy-gateway/tollgate.yaml"),
    include_str!("../../../../../envoy/secrets/stripe_api_key.yaml.example"),
    include_str!("../../../../../envoy/secrets/clerk_secret_key.yaml.example"),
];

/// What the examples and the documentation write where a user's own value belongs. No name under example.com
/// is registered (RFC 2606).
const PLACEHOLDERS: [&str; 8] =
    ["price_123", "prod_123", "ins_123", "bpc_123", "REPLACE_ME", "example.com", "user_2abc", "…"];

/// Returns whether a text is one of the shipped files, without any change.
pub(in crate::check) fn is_shipped(text: &str) -> bool {
    let lines = || text.lines();
    SHIPPED.iter().any(|shipped| lines().eq(shipped.lines()))
}

/// Returns the placeholder of the examples that a text contains, as a word of its own or after a prefix.
pub(crate) fn placeholder_in(text: &str) -> Option<&'static str> {
    let is_inside = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    PLACEHOLDERS.into_iter().find(|placeholder| {
        text.match_indices(placeholder).any(|(start, found)| {
            let (before, rest) = text.split_at_checked(start).unwrap_or_default();
            let after = rest.strip_prefix(found).unwrap_or_default();
            *placeholder == "…" || !(is_inside(before.chars().next_back()) || is_inside(after.chars().next()))
        })
    })
}

/// Returns a warning about each placeholder that is still in a file, once for each value. A shipped file must
/// have them.
pub(in crate::check) fn placeholders(file: &CheckedFile) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    if file.is_example {
        return findings;
    }
    let mut seen: Vec<&str> = Vec::new();
    for value in &file.contents.values {
        document::walk(&value.value, "", &mut |path, found| {
            if let Value::String(text) = found
                && let Some(placeholder) = placeholder_in(text)
                && !seen.contains(&text.as_str())
            {
                seen.push(text);
                // A secret may stand around a placeholder, so the text is not shown.
                let text = format!("{placeholder} is a placeholder of the examples; write your own value");
                let location = file.base(&value.location).at(path);
                findings.push(Finding::new(FindingKind::Placeholder, location, text));
            }
            true
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_no_part_of_a_longer_name() {
        for (text, want) in [
            ("whsec_REPLACE_ME", Some("REPLACE_ME")),
            ("sk_test_REPLACE_ME", Some("REPLACE_ME")),
            ("whsec_…", Some("…")),
            ("price_123", Some("price_123")),
            ("price_123=pro,price_9=team", Some("price_123")),
            ("https://app.example.com/pricing", Some("example.com")),
            ("price_1234AbcD", None),
            ("price_1AbcD", None),
            ("https://app.myexample.com", None),
            ("https://app.example.community", None),
            ("ins_1234", None),
        ] {
            assert_eq!(placeholder_in(text), want, "{text}");
        }
    }
}
