//! Whether an upstream might serve a path as the webhook's although its bytes differ, so that it would go on unverified.

use percent_encoding::percent_decode;

/// How often an upstream may decode escapes: once as the rules say, once more as some frameworks do.
const DECODINGS: usize = 2;

/// Whether some upstream reads `path` as `webhook_path`: one that decodes escapes, folds slashes, follows dot segments,
/// drops parameters, or disregards case and a slash at the end. Not the very path itself.
pub(super) fn reads_as(path: &[u8], webhook_path: &str) -> bool {
    let webhook_path = webhook_path.as_bytes();
    if path == webhook_path {
        return false;
    }
    let wanted = folded(webhook_path);
    let mut path = path.to_vec();
    for _ in 0..DECODINGS {
        if folded(&path) == wanted {
            return true;
        }
        path = percent_decode(&path).collect();
    }
    folded(&path) == wanted
}

/// The segments that are left, in small letters.
fn folded(path: &[u8]) -> Vec<Vec<u8>> {
    let mut segments: Vec<Vec<u8>> = Vec::new();
    let path = path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')) {
        match segment.split(|byte| *byte == b';').next().unwrap_or_default() {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            segment => segments.push(segment.to_ascii_lowercase()),
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_disguise_of_the_webhooks_path_is_recognised_and_nothing_else() {
        let cases = [
            ("the path itself", "/webhooks/stripe", false),
            ("a slash at the end", "/webhooks/stripe/", true),
            ("a slash twice", "//webhooks/stripe", true),
            ("and inside", "/webhooks//stripe", true),
            ("another case", "/Webhooks/STRIPE", true),
            ("an escaped letter", "/webhooks/%73tripe", true),
            ("an escaped slash", "/webhooks%2Fstripe", true),
            ("escaped twice", "/webhooks/%2573tripe", true),
            ("a backslash", "/webhooks\\stripe", true),
            ("up and down", "/x/../webhooks/./stripe", true),
            ("up and down, escaped", "/x/%2e%2e/webhooks/stripe", true),
            ("a parameter", "/webhooks;a=b/stripe;c", true),
            ("a fragment", "/webhooks/stripe#x", true),
            ("an escaped question mark", "/webhooks/stripe%3Fx", true),
            ("below it", "/webhooks/stripe/x", false),
            ("above it", "/webhooks", false),
            ("another", "/webhooks/clerk", false),
            ("a longer name", "/webhooks/stripes", false),
            ("the root", "/", false),
            ("nothing", "", false),
            ("half an escape", "/webhooks/stripe%7", false),
        ];
        for (why, path, want) in cases {
            assert_eq!(reads_as(path.as_bytes(), "/webhooks/stripe"), want, "{why}: {path}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_judged(path in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = reads_as(&path, "/webhooks/stripe");
        }
    }
}
