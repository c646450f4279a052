//! The URLs in arguments.

use ureq::http::Uri;

/// Reads an absolute URL of HTTP, without a user name in it.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn http_url(text: &str) -> Result<Uri, String> {
    const EXAMPLE: &str = "expected a URL in full, like https://gateway.example.com/path";
    let uri: Uri = text.parse().map_err(|_| EXAMPLE)?;
    let authority = uri.authority().filter(|_| !text.contains('#')).ok_or(EXAMPLE)?.as_str();
    let is_http = uri.scheme_str().is_some_and(|scheme| ["http", "https"].contains(&scheme));
    if !is_http || uri.host().is_none_or(str::is_empty) {
        return Err(EXAMPLE.to_owned());
    }
    if authority.contains('@') {
        return Err("leave out the part before `@`".to_owned());
    }
    let after_host = uri.host().and_then(|host| authority.strip_prefix(host)).unwrap_or_default();
    match after_host.strip_prefix(':').map(str::parse::<u16>) {
        Some(Err(_) | Ok(0)) => Err("a port is 1 to 65535".to_owned()),
        _ => Ok(uri),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_a_host_and_a_port_that_exists() {
        for right in ["http://127.0.0.1:8080/webhooks/stripe", "https://a.example", "http://[::1]:80/?x=1"] {
            assert!(http_url(right).is_ok(), "{right}");
        }
        for (wrong, why) in [
            ("", "in full"),
            (" ", "in full"),
            ("a.example", "in full"),
            ("/path", "in full"),
            ("http://", "in full"),
            ("ftp://a.example", "in full"),
            ("http://a b.example", "in full"),
            ("http://::1:80/", "in full"),
            ("http://a.example/#part", "in full"),
            ("http://user:secret@a.example", "before `@`"),
            ("http://a.example:0/", "1 to 65535"),
            ("http://a.example:99999/", "1 to 65535"),
            ("http://a.example:/", "1 to 65535"),
        ] {
            let error = http_url(wrong).unwrap_err();
            assert!(error.contains(why) && !error.contains("secret"), "{wrong}: {error}");
        }
    }
}
