//! Checks the URLs that a client may choose: their origin must be in the configured list. Otherwise Stripe's
//! pages could redirect to an attacker's page.

use super::error::BillingError;
use crate::web_origin::origin_of;

/// Checks the URL of a member of the body.
///
/// # Errors
/// [`BillingError::UrlNotAllowed`] unless it is absolute and its origin is exactly one of `origins`.
pub(super) fn check(url: String, origins: &[String], member: &'static str) -> Result<String, BillingError> {
    match origin_of(&url) {
        Some(origin) if origins.contains(&origin) => Ok(url),
        _ => Err(BillingError::UrlNotAllowed { member }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web_origin::URL_BYTES_MAX;
    use proptest::prelude::*;

    const ORIGINS: [&str; 3] = ["https://app.example.com", "http://localhost:3000", "myapp://callback"];

    fn is_allowed(url: &str) -> bool {
        let origins = ORIGINS.map(str::to_owned);
        check(url.to_owned(), &origins, "success_url").is_ok()
    }

    #[test]
    fn only_urls_of_the_listed_origins_are_allowed() {
        let cases = [
            ("a page", "https://app.example.com/billing", true),
            ("Stripe's placeholder", "https://app.example.com/b?s={CHECKOUT_SESSION_ID}", true),
            ("no path", "https://app.example.com", true),
            ("a query without a path", "https://app.example.com?x=1", true),
            ("the usual port", "https://app.example.com:443/x", true),
            ("capitals", "HTTPS://App.Example.COM/x", true),
            ("another listed origin, with a port", "http://localhost:3000/x", true),
            ("a scheme of an app", "myapp://callback/x", true),
            ("another port", "https://app.example.com:8443/x", false),
            ("another scheme", "http://app.example.com/x", false),
            ("another host", "https://evil.example.com/x", false),
            ("a suffix", "https://app.example.com.evil.com/x", false),
            ("a prefix", "https://evil-app.example.com/x", false),
            ("user information", "https://app.example.com@evil.com/x", false),
            ("the allowed host after user information", "https://evil.com@app.example.com/x", false),
            ("a backslash", "https://evil.com\\@app.example.com/x", false),
            ("a backslash after the host", "https://app.example.com\\.evil.com", false),
            ("relative to the scheme", "//evil.com/x", false),
            ("relative", "/billing", false),
            ("a script", "javascript:alert(1)", false),
            ("a script with an authority", "javascript://app.example.com/%0aalert(1)", false),
            ("one slash", "https:/app.example.com", false),
            ("a blank", " https://app.example.com/x", false),
            ("a line break", "https://app.example.com/\r\nx", false),
            ("a tab in the host", "https://app.exam\tple.com/", false),
            ("no host", "https:///x", false),
            ("an escaped host", "https://app%2eexample.com/x", false),
            ("a letter outside ASCII", "https://app.example.com\u{2f}evil\u{ff0f}", false),
            ("a full-width dot", "https://app\u{ff0e}example.com/", false),
            ("a port that is not a number", "https://app.example.com:x/", false),
            ("two ports", "http://localhost:3000:80/", false),
            ("an empty port", "https://app.example.com:/", false),
            ("empty", "", false),
        ];
        for (why, url, want) in cases {
            assert_eq!(is_allowed(url), want, "{why}: {url}");
        }
        assert!(!is_allowed(&format!("https://app.example.com/{}", "x".repeat(URL_BYTES_MAX))));
    }

    proptest! {
        /// Checks that no text after the origin can change the authority.
        #[test]
        fn an_allowed_url_begins_with_an_allowed_origin(url in "(https?|myapp)://[a-z.@:\\\\/?#%0-9-]{0,40}") {
            if is_allowed(&url) {
                let rest = ORIGINS.iter().find_map(|origin| url.strip_prefix(origin)).map(|rest| {
                    rest.strip_prefix(":443").filter(|_| url.starts_with("https")).unwrap_or(rest).to_owned()
                });
                let rest = rest.unwrap_or_else(|| panic!("{url}"));
                prop_assert!(rest.is_empty() || rest.starts_with(['/', '?', '#']), "{}", url);
            }
        }
    }
}
