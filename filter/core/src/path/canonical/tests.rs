//! Tests of paths with and without a canonical form.

use super::*;
use proptest::prelude::*;

#[test]
fn a_path_with_several_readings_has_no_canonical_form() {
    let refused = [
        ("two slashes", "//ask"),
        ("two slashes inside", "/ask//x"),
        ("two slashes at the end", "/ask//"),
        ("an escaped letter", "/%61sk"),
        ("an escaped dot", "/%2e%2e/ask"),
        ("a dot segment", "/./ask"),
        ("a dot segment at the end", "/ask/."),
        ("up", "/ask/../reports"),
        ("up at the end", "/ask/.."),
        ("up, for servers that drop dots at the end", "/ask/.../reports"),
        ("up, for servers that drop spaces", "/ask/..%20/reports"),
        ("up, escaped twice", "/ask/%252e%252e/reports"),
        ("up after a slash that is escaped twice", "/ask/x%252f..%252f..%252freports"),
        ("up in full-width dots", "/ask/%EF%BC%8E%EF%BC%8E/reports"),
        ("up after a full-width slash", "/ask/x%EF%BC%8F..%EF%BC%8F../reports"),
        ("up with an invisible character", "/ask/.%E2%80%8B./reports"),
        ("up with a parameter that is escaped twice", "/ask/..%253Bx/reports"),
        ("an escaped slash", "/ask%2F..%2Freports"),
        ("an escaped slash in lower case", "/ask%2freports"),
        ("an escaped backslash", "/ask%5Cx"),
        ("a backslash", "/ask\\x"),
        ("a parameter", "/ask;x"),
        ("an escaped parameter", "/ask%3Bx"),
        ("an escaped parameter in front", "/%3b/ask"),
        ("a fragment", "/ask#x"),
        ("an escaped NUL", "/ask%00"),
        ("an escaped line break", "/ask%0d%0a"),
        ("half an escape", "/ask%2"),
        ("no escape", "/ask%zz"),
        ("an escape of another kind", "/%u0061sk"),
        ("a letter outside ASCII", "/äsk"),
        ("a blank", "/a sk"),
        ("overlong UTF-8", "/%C1%A1sk"),
        ("an overlong slash", "/x%C0%AFask"),
        ("no UTF-8", "/a%FF"),
        ("half a character", "/a%C3"),
        ("a surrogate", "/a%ED%A0%80"),
        ("escapes of escapes without end", "/a%252525252561"),
        ("no path", "ask"),
        ("an absolute form", "http://x/ask"),
        ("the asterisk form", "*"),
        ("nothing", ""),
    ];
    for (why, path) in refused {
        assert!(RequestPath::parse(path.as_bytes()).is_none(), "{why}: {path}");
    }
}

#[test]
fn the_canonical_form_is_decoded_once() {
    let cases = [
        ("plain", "/ask", "/ask"),
        ("the root", "/", "/"),
        ("the query is ignored", "/ask?x=//../%61", "/ask"),
        ("an empty query", "/ask?", "/ask"),
        ("a slash at the end", "/ask/", "/ask/"),
        ("dots inside a segment", "/a..b/.well-known/v1.0", "/a..b/.well-known/v1.0"),
        ("an escape that is needed", "/a%20b%C3%A4", "/a bä"),
        ("in small letters", "/a%c3%a4", "/aä"),
        ("the escape of a percent sign", "/100%25", "/100%"),
        ("with something after it", "/100%2525", "/100%25"),
        ("a blank that is escaped twice", "/a%2520b", "/a%20b"),
        ("sub-delimiters", "/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,="),
        ("the same, escaped", "/a%3Ab%40c%21%24%26%27%28%29%2A%2B%2C%3D", "/a:b@c!$&'()*+,="),
        ("a question mark", "/a%3Fb", "/a?b"),
        ("a segment of a blank", "/search/%20", "/search/ "),
    ];
    for (why, path, want) in cases {
        let got = RequestPath::parse(path.as_bytes()).unwrap_or_else(|| panic!("{why}: {path}"));
        assert_eq!(got.canonical(), want.as_bytes(), "{why}: {path}");
    }
    let long = format!("/{}", "a".repeat(2 * ESCAPED_BYTES_MAX));
    assert!(RequestPath::parse(long.as_bytes()).is_some());
    assert!(RequestPath::parse(format!("{long}%20").as_bytes()).is_none());
}

#[test]
fn paths_with_two_spellings_differ_for_routers_that_do_not_decode() {
    let cases = [
        ("nothing to decode", "/ask", None),
        ("what must be escaped", "/a%20b%25%c3%a4", None),
        ("what need not be", "/docs%3Aexport", Some("/docs%3Aexport")),
        ("in small letters", "/docs%3aexport", Some("/docs%3Aexport")),
        ("both", "/a%20b%40c", Some("/a b%40c")),
    ];
    for (why, path, want) in cases {
        let path = RequestPath::parse(path.as_bytes()).unwrap();
        assert_eq!(path.undecoded(), want.map(str::as_bytes), "{why}");
    }
}

#[test]
fn an_escaped_escape_may_hide_a_plain_character() {
    for (path, want) in [
        ("/%2561sk", true),
        ("/%252561sk", true),
        ("/x%252Fask", true),
        ("/ask%253Bx", true),
        ("/ask%2500", true),
        ("/100%2525", false),
        ("/a%2520b", false),
        ("/100%25", false),
        ("/ask", false),
    ] {
        let path = RequestPath::parse(path.as_bytes()).unwrap();
        assert_eq!(path.hides_plain_characters(), want, "{path:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some(path) = RequestPath::parse(&bytes) {
            prop_assert!(path.readings().len() <= 10 * (DECODINGS_MAX + 1));
        }
    }

    #[test]
    fn every_encoded_segment_is_accepted_and_decoded(segment in "\\PC{1,12}") {
        let encoded = percent_encoding::utf8_percent_encode(&segment, percent_encoding::NON_ALPHANUMERIC).to_string();
        // The characters that clients do not encode (`encodeURIComponent`), or do not send in a segment.
        let encoded = encoded.replace("%2D", "-").replace("%2E", ".").replace("%5F", "_").replace("%7E", "~");
        prop_assume!(!encoded.contains("%2F") && !encoded.contains("%5C") && !encoded.contains("%3B"));
        prop_assume!(!reading::has_dot_segment(segment.as_bytes()) && !segment.contains('%'));
        let path = format!("/reports/{encoded}/x");
        let canonical = RequestPath::parse(path.as_bytes()).map(|path| path.canonical().to_vec());
        prop_assert_eq!(canonical, Some(format!("/reports/{segment}/x").into_bytes()));
    }
}
