//! Tables of valid and invalid paths, hosts, origins, issuers, and cluster names.

use super::*;

type Check = fn(&str, &str) -> Checked<String>;

fn table(check: Check, cases: &[(&str, &str, bool)]) {
    for (why, text, good) in cases {
        assert_eq!(check(text, "at").is_ok(), *good, "{why}: {text}");
    }
}

#[test]
fn paths_are_in_normal_form() {
    let longest = format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
    table(
        path,
        &[
            ("the root", "/", true),
            ("segments", "/webhooks/stripe", true),
            ("a slash at the end", "/reports/", true),
            ("dots within a segment", "/.well-known/jwks.json", true),
            ("an escape that is needed", "/a%20b", true),
            ("the longest", &longest, true),
            ("one too long", &format!("{longest}a"), false),
            ("relative", "ask", false),
            ("empty", "", false),
            ("an empty segment", "/a//b", false),
            ("two slashes at the end", "/a//", false),
            ("only slashes", "//", false),
            ("a dot segment", "/a/./b", false),
            ("a dot segment at the end", "/a/..", false),
            ("a hidden slash", "/a%2Fb", false),
            ("a hidden backslash", "/a%5Cb", false),
            ("a hidden dot", "/a/%2E%2E/b", false),
            ("an escape that is not needed", "/%61", false),
            ("lower-case hexadecimal letters", "/a%c3", false),
            ("half an escape", "/a%2", false),
            ("no escape", "/100%", false),
            ("a hidden NUL", "/a%00", false),
            ("a percent sign escaped", "/100%25", true),
            ("something after it", "/100%25/x", true),
            ("an escape of an escape", "/%2561", false),
            ("no UTF-8", "/a%FF", false),
            ("overlong UTF-8", "/%C1%A1", false),
            ("a letter outside of ASCII", "/%C3%A4", true),
            ("a colon that need not be escaped", "/docs%3Aexport", true),
            ("three dots", "/a/.../b", false),
            ("a dot segment before a space", "/a/..%20/b", false),
            ("a sign within an escape", "/a%+1", false),
            ("a backslash", "/a\\b", false),
            ("a parameter", "/a;b=c", false),
            ("a pattern", "/a/*", false),
            ("a query", "/a?b", false),
            ("a fragment", "/a#b", false),
            ("a blank", "/a b", false),
            ("not ASCII", "/ä", false),
        ],
    );
}

#[test]
fn a_prefix_has_no_slash_at_its_end_and_the_root_matches_all() {
    assert_eq!(prefix("/ask", "at"), Ok(Some("/ask".to_owned())));
    assert_eq!(prefix("/", "at"), Ok(None));
    let error = prefix("/ask/", "at").unwrap_err();
    assert_eq!(
        error.to_string(),
        "at: \"/ask/\" ends with `/`; write \"/ask\": it matches whole segments anyway"
    );
    assert!(prefix("ask", "at").is_err());
}

#[test]
fn authorities_are_hosts_with_or_without_a_port() {
    table(
        authority,
        &[
            ("a host", "api.clerk.com", true),
            ("with a port", "127.0.0.1:12111", true),
            ("IPv6", "[::1]", true),
            ("IPv6 with a port", "[::1]:443", true),
            ("in capitals", "API.clerk.com", true),
            ("empty", "", false),
            ("only a port", ":443", false),
            ("port 0", "a:0", false),
            ("port 65536", "a:65536", false),
            ("an empty port", "a:", false),
            ("a port with a sign", "a:+80", false),
            ("a scheme", "https://api.clerk.com", false),
            ("a path", "api.clerk.com/v1", false),
            ("a name before it", "a@b", false),
            ("a line break", "a\r\nb", false),
            ("no address in brackets", "[a.b]", false),
            ("something after the brackets", "[::1]a", false),
        ],
    );
    assert_eq!(authority("API.clerk.com", "at").unwrap(), "api.clerk.com");
    table(
        host,
        &[
            ("a host", "api.example.com", true),
            ("a port", "a:80", false),
            ("a wildcard", "*.example.com", false),
        ],
    );
}

#[test]
fn origins_are_as_browsers_write_them() {
    table(
        origin,
        &[
            ("the usual", "https://app.example.com", true),
            ("a port", "http://localhost:3000", true),
            ("an extension", "chrome-extension://abcdefgh", true),
            ("the default port of another scheme", "http://a:443", true),
            ("a path", "https://app.example.com/", false),
            ("the default port", "https://app.example.com:443", false),
            ("the default port of http", "http://app.example.com:80", false),
            ("capitals", "https://App.example.com", false),
            ("a pattern", "https://*.example.com", false),
            ("no scheme", "app.example.com", false),
            ("an empty scheme", "://app.example.com", false),
            ("no host", "https://", false),
            ("null", "null", false),
            ("a user", "https://a@b.example.com", false),
        ],
    );
}

#[test]
fn issuers_are_urls_without_a_slash_at_the_end() {
    table(
        issuer,
        &[
            ("the usual", "https://clerk.example.com", true),
            ("a test's", "http://127.0.0.1:8080", true),
            ("behind a proxy", "https://example.com/__clerk", true),
            ("a slash at the end", "https://clerk.example.com/", false),
            ("no scheme", "clerk.example.com", false),
            ("another scheme", "ftp://clerk.example.com", false),
            ("a query", "https://clerk.example.com?x", false),
            ("a blank", "https://clerk.example.com ", false),
            ("no host", "https://", false),
        ],
    );
    assert_eq!(url_authority("https://Example.com:8443/__clerk").as_deref(), Some("example.com:8443"));
    assert!(url("https://app.example.com/pricing?from=gate#pro", "at").is_ok());
    assert!(url("/pricing", "at").is_err());
}

#[test]
fn cluster_names_of_every_platform_are_taken() {
    table(
        cluster,
        &[
            ("plain", "clerk_api", true),
            ("Istio's", "outbound|443||api.clerk.com", true),
            ("Envoy Gateway's", "httproute/default/clerk/rule/0", true),
            ("empty", "", false),
            ("a blank", "clerk api", false),
        ],
    );
}
