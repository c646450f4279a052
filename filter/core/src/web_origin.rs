//! The origin of a URL, for comparison with a list of allowed ones (<https://url.spec.whatwg.org/#origin>).
//!
//! Written by hand because a URL parser adds 90 KB to a module, and accepts what is refused here.

/// The maximum length of a URL, in bytes.
pub(crate) const URL_BYTES_MAX: usize = 2_048;

/// Returns the origin of an absolute URL, as browsers write it. `None` for anything that two parsers could
/// read in two ways: user information, backslashes, blanks and control characters, an empty host, a port that
/// is not a number.
pub(crate) fn origin_of(url: &str) -> Option<String> {
    let is_plain = |byte: u8| {
        byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'`' | b'^' | b'|')
    };
    if url.len() > URL_BYTES_MAX || !url.bytes().all(is_plain) {
        return None;
    }
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let (host, port) = match authority.rsplit_once(':') {
        // The brackets of an IPv6 address hold colons of their own.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority.as_str(), None),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        None => host.bytes().all(is_name),
        Some(Some(address)) => {
            address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.')
        }
        Some(None) => false,
    };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
    if host.is_empty() || !is_host || !is_scheme {
        return None;
    }
    let usual = match scheme.as_str() {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    };
    let port = match port {
        None => None,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse::<u16>().ok()?),
        Some(_) => return None,
    };
    Some(match port.filter(|port| Some(*port) != usual) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}
