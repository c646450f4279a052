//! Checks of paths, hosts, origins, URLs, and cluster names in the document.

use super::error::{Checked, ConfigError, quote};
use crate::path;

/// The longest path that can be configured, in bytes.
const PATH_BYTES_MAX: usize = 1024;

/// The longest URL, authority or cluster name, in bytes.
const ADDRESS_BYTES_MAX: usize = 1024;

/// The hosts of Clerk's Backend API, which no session token names as its issuer.
const BACKEND_APIS: [&str; 2] = ["api.clerk.com", "api.clerk.dev"];

/// Checks an exact path: it starts with `/` and is in normal form, as request paths are when rules are
/// matched.
pub(super) fn path(text: &str, at: &str) -> Checked<String> {
    match path_flaw(text) {
        None => Ok(text.to_owned()),
        Some((flaw, cure)) => Err(ConfigError::new(at, format!("{} {flaw}", quote(text)), cure)),
    }
}

/// Returns why a path is not in normal form, and how to fix it.
fn path_flaw(text: &str) -> Option<(&'static str, &'static str)> {
    const ESCAPE: &str = "write the character itself, or leave it out";
    let Some(rest) = text.strip_prefix('/') else {
        return Some(("does not start with `/`", "put a `/` in front of it"));
    };
    if text.len() > PATH_BYTES_MAX {
        return Some(("is too long", "a path has at most 1024 bytes"));
    }
    if text.contains(['?', '#']) {
        return Some(("has a query or a fragment", "a path ends before `?` and `#`"));
    }
    if text.contains(['\\', ';', '*']) {
        return Some(("has a `\\`, `;` or `*`", "a path is plain: no parameters, no patterns"));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Some(("has a blank or a character outside ASCII", "escape it with `%` and its two digits"));
    }
    let last = rest.split('/').count().saturating_sub(1);
    for (index, segment) in rest.split('/').enumerate() {
        if segment.is_empty() && index != last {
            return Some(("has an empty segment (`//`)", "write one `/`"));
        }
        if segment == "." || segment == ".." {
            return Some(("has a dot segment", "write the path without `.` and `..`"));
        }
    }
    if text.split('%').skip(1).any(|after| !starts_with_needed_escape(after)) {
        let flaw = "has an escape that is wrong, not needed, in lower case, or hides `/`, `\\` or `;`";
        return Some((flaw, ESCAPE));
    }
    (!path::is_stable(text)).then_some((
        "has escapes that are not UTF-8, that hide a dot segment, or that are themselves escaped",
        "write a path that means the same to every reader after it is decoded once",
    ))
}

/// Returns whether the text after a `%` starts with two upper-case hexadecimal digits of a character that
/// must be escaped in a path.
fn starts_with_needed_escape(after: &str) -> bool {
    let is_capital = |byte: u8| byte.is_ascii_hexdigit() && !byte.is_ascii_lowercase();
    match after.as_bytes() {
        [high, low, ..] => is_capital(*high) && is_capital(*low) && path::is_needed(*high, *low),
        _ => false,
    }
}

/// Checks a path prefix: a path without `/` at its end. Returns `None` for `/` alone, which matches every
/// path.
pub(super) fn prefix(text: &str, at: &str) -> Checked<Option<String>> {
    if text == "/" {
        return Ok(None);
    }
    let prefix = path(text, at)?;
    match prefix.strip_suffix('/') {
        Some(without) => {
            let cure = format!("write {}: it matches whole segments anyway", quote(without));
            Err(ConfigError::new(at, format!("{} ends with `/`", quote(text)), cure))
        }
        None => Ok(Some(prefix)),
    }
}

/// Checks a host with an optional port, as in `:authority`, and returns it in lower case.
pub(super) fn authority(text: &str, at: &str) -> Checked<String> {
    let lower = text.to_ascii_lowercase();
    if is_authority(&lower) {
        return Ok(lower);
    }
    let cure = "write a host with an optional port, like api.clerk.com: no https://, no path";
    Err(ConfigError::new(at, format!("{} is not a host", quote(text)), cure))
}

/// Checks a host without a port, and returns it in lower case.
pub(super) fn host(text: &str, at: &str) -> Checked<String> {
    let lower = text.to_ascii_lowercase();
    if is_authority(&lower) && !lower.contains(':') {
        return Ok(lower);
    }
    let cure = "write one host without port and wildcard, like api.example.com";
    Err(ConfigError::new(at, format!("{} is not a host", quote(text)), cure))
}

/// Returns whether the text is `host`, `host:port`, `[address]`, or `[address]:port`, in lower case.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, port)) => match port.strip_prefix(':') {
            Some(port) => (address, Some(port)),
            None => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let sane_host = if text.starts_with('[') {
        // Only the characters are checked: a parser of addresses would add three kilobytes to a module.
        host.contains(':') && host.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.')
    } else {
        host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
    };
    let sane_port = port.is_none_or(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    !host.is_empty() && sane_host && sane_port && text.len() <= ADDRESS_BYTES_MAX
}

/// Checks an origin as browsers write it (RFC 6454 §6.2): scheme, host, and a port unless it is the default
/// one.
pub(super) fn origin(text: &str, at: &str) -> Checked<String> {
    let flaw = |cure: &str| ConfigError::new(at, format!("{} is not an origin", quote(text)), cure);
    let Some((scheme, authority)) = text.split_once("://") else {
        return Err(flaw("write scheme and host, like https://app.example.com"));
    };
    if authority.contains(['/', '?', '#', '@']) {
        return Err(flaw("write scheme, host and port only: no path, not even a `/` at the end"));
    }
    if text.contains('*') {
        return Err(flaw("write out each origin: a pattern could match an attacker's origin"));
    }
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(flaw("write it in lower case, as browsers send it"));
    }
    if (scheme == "https" && authority.ends_with(":443")) || (scheme == "http" && authority.ends_with(":80"))
    {
        return Err(flaw("leave out the port: browsers do not send the default one"));
    }
    let scheme_is_sane = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
    if !scheme_is_sane || !is_authority(authority) {
        return Err(flaw("write scheme and host, like https://app.example.com"));
    }
    Ok(text.to_owned())
}

/// Checks an absolute `http` or `https` URL.
pub(super) fn url(text: &str, at: &str) -> Checked<String> {
    match url_authority(text) {
        Some(_) => Ok(text.to_owned()),
        None => {
            let problem = format!("{} is not an absolute URL", quote(text));
            Err(ConfigError::new(at, problem, "write it in full, like https://app.example.com/pricing"))
        }
    }
}

/// Checks the issuer of session tokens: a URL without `/` at its end, as in the tokens' `iss`.
pub(super) fn issuer(text: &str, at: &str) -> Checked<String> {
    let flaw = |problem: &str, cure: &str| ConfigError::new(at, format!("{} {problem}", quote(text)), cure);
    if url_authority(text).is_none() || text.contains(['?', '#']) {
        return Err(flaw("is not an absolute URL", "write it in full, like https://clerk.example.com"));
    }
    if text.ends_with('/') {
        return Err(flaw("ends with `/`", "leave it out: the tokens' `iss` has none"));
    }
    if url_authority(text).is_some_and(|authority| BACKEND_APIS.contains(&authority.as_str())) {
        let cure = "use the Frontend API URL of your instance, which Clerk's page *API keys* shows, like \
                    https://clerk.example.com or https://name-12.clerk.accounts.dev";
        return Err(flaw("is Clerk's Backend API, which issues no session tokens", cure));
    }
    Ok(text.to_owned())
}

/// Returns the authority of an absolute `http` or `https` URL, in lower case.
pub(super) fn url_authority(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let sane = text.len() <= ADDRESS_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    (sane && is_authority(&authority)).then_some(authority)
}

/// Returns the path of an absolute `http` or `https` URL; empty if it has none.
pub(super) fn url_path(text: &str) -> &str {
    let after_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
    let path = after_scheme.find('/').and_then(|index| after_scheme.get(index..)).unwrap_or_default();
    path.split(['?', '#']).next().unwrap_or_default()
}

/// Checks the name of a cluster. Istio's names contain `|`, Envoy Gateway's contain `/`.
pub(super) fn cluster(text: &str, at: &str) -> Checked<String> {
    if !text.is_empty() && text.len() <= ADDRESS_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    let problem = format!("{} is not the name of a cluster", quote(text));
    Err(ConfigError::new(at, problem, "write the name of a cluster in Envoy's configuration"))
}

#[cfg(test)]
mod tests;
