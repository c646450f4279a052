//! The examples that ship with Tollgate, and what they contain to be replaced.

use super::file::CheckedFile;
use super::finding::{Finding, FindingKind};
use crate::document;
use serde_json::Value;

/// The files that ship.
const SHIPPED: [&str; 6] = [
    include_str!("../../../../envoy/standalone.yaml"),
    include_str!("../../../../envoy/standalone-native.yaml"),
    include_str!("../../../../envoy/istio/tollgate.yaml"),
    include_str!("../../../../envoy/envoy-gateway/tollgate.yaml"),
    include_str!("../../../../envoy/secrets/stripe_api_key.yaml.example"),
    include_str!("../../../../envoy/secrets/clerk_secret_key.yaml.example"),
];

/// What the examples and the documentation write where a user's own value belongs. No name under example.com
/// can be anybody's (RFC 2606).
const PLACEHOLDERS: [&str; 5] = ["price_123", "prod_123", "REPLACE_ME", "example.com", "user_2abc"];

/// Returns whether a text is one of the shipped files, without any change.
pub(super) fn is_shipped(text: &str) -> bool {
    let lines = || text.lines();
    SHIPPED.iter().any(|shipped| lines().eq(shipped.lines()))
}

/// Returns a warning about each placeholder that is still in a file, once for each value. A shipped file must
/// have them.
pub(super) fn placeholders(file: &CheckedFile) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    if file.is_example {
        return findings;
    }
    let mut seen: Vec<&str> = Vec::new();
    for value in &file.contents.values {
        document::walk(&value.value, "", &mut |path, found| {
            if let Value::String(text) = found
                && PLACEHOLDERS.iter().any(|placeholder| text.contains(placeholder))
                && !seen.contains(&text.as_str())
            {
                seen.push(text);
                // A secret may stand around a placeholder, so the text is not shown.
                let named = PLACEHOLDERS.iter().find(|placeholder| text.contains(*placeholder));
                let text = format!(
                    "{} is a placeholder of the examples; write your own value",
                    named.unwrap_or(&"")
                );
                let location = file.base(&value.location).at(path);
                findings.push(Finding::new(FindingKind::Placeholder, location, text));
            }
            true
        });
    }
    findings
}
