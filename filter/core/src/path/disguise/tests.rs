//! Tests of request paths that some router reads as a configured path, and of paths that none does.

use super::*;
use proptest::prelude::*;

#[test]
fn only_paths_that_some_router_reads_so_are_recognized() {
    let cases = [
        ("the path itself", "/webhooks/stripe", true),
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
        ("a format's suffix", "/webhooks/stripe.json", true),
        ("in the middle it is another path", "/webhooks.json/stripe", false),
        ("a dot at the end", "/webhooks/stripe.", true),
        ("a blank at the end", "/webhooks/stripe%20", true),
        ("an escaped NUL and more", "/webhooks/stripe%00.png/x", true),
        ("an escaped line break", "/webhooks/stripe%0a", true),
        ("overlong UTF-8", "/webhooks/%C1%B3tripe", true),
        ("an overlong slash", "/webhooks%E0%80%AFstripe", true),
        ("no UTF-8 between", "/webhooks/st%FFripe", true),
        ("full-width letters", "/webhooks/%EF%BD%93tripe", true),
        ("a long s, whose capital is S", "/webhooks/%C5%BFtripe", true),
        ("an umlaut is another letter", "/webhooks/str%C3%AFpe", false),
        ("raw bytes", "/webhooks/\u{17f}tripe", true),
        ("up over a backslash that is no slash", "/a\\b/../webhooks/stripe", true),
        ("up over an empty segment", "/webhooks/x//../../stripe", true),
        ("the path info of a script", "/index.php/webhooks/stripe", true),
        ("of one between", "/webhooks/index.php/stripe", true),
        ("a script of another name", "/index.phpx/webhooks/stripe", false),
        ("up over what only looks like a slash", "/a\u{ff0f}b/../webhooks/stripe", true),
    ];
    let webhook = PathPattern::new("/webhooks/stripe");
    for (why, path, want) in cases {
        assert_eq!(may_be_read_as(path.as_bytes(), &webhook), want, "{why}: {path}");
    }
}

#[test]
fn a_long_path_that_is_not_plain_counts_as_a_match() {
    let webhook = PathPattern::new("/webhooks/stripe");
    let long = format!("/{}", "a".repeat(2 * READ_BYTES_MAX));
    assert!(!may_be_read_as(long.as_bytes(), &webhook));
    assert!(may_be_read_as(format!("{long}%41").as_bytes(), &webhook));
}

proptest! {
    #[test]
    fn any_bytes_are_compared(path in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = may_be_read_as(&path, &PathPattern::new("/webhooks/stripe"));
    }

    #[test]
    fn folding_does_not_depend_on_case(path in "/[a-cA-C%./;+ \\\\25\u{17f}]{0,12}") {
        let once = crate::path::reading::of_pattern(path.as_bytes());
        prop_assert!(once.is_empty() || once.starts_with(b"/"));
        prop_assert_eq!(&crate::path::reading::of_pattern(&path.to_ascii_uppercase().into_bytes()), &once);
    }
}
