//! Header fields that, for some upstreams, override a request's path, host, or method. The gate matches rules
//! against the overriding values too: a rule that applies to one value but not to the other cannot be
//! enforced.

use crate::http::HeaderMap;
use crate::path;

/// The maximum number of values of one kind. No honest client sends more.
const VALUES_MAX: usize = 4;

/// The part of a request that a header field overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OverrideKind {
    Path,
    Host,
    Method,
    /// The start of the path, which names the application: it is removed before the rest is routed (RFC 3875
    /// §4.1.13).
    ScriptName,
    /// The field `Forwarded` (RFC 7239), which may contain a host.
    Forwarded,
}

/// The fields, by their names in lower case and with `-`. Symfony, Laminas, and IIS read the path from them;
/// servers behind proxies read the host; Rails, Express, Spring, ASP.NET, and APIs in Google's style read the
/// method. Gunicorn reads the script name from `script_name`, WSGI applications from `x-script-name`.
const FIELDS: [(&[u8], OverrideKind); 17] = [
    (b"x-original-url", OverrideKind::Path),
    (b"x-rewrite-url", OverrideKind::Path),
    (b"x-original-uri", OverrideKind::Path),
    (b"x-rewrite-uri", OverrideKind::Path),
    (b"x-override-url", OverrideKind::Path),
    (b"x-forwarded-uri", OverrideKind::Path),
    (b"x-forwarded-path", OverrideKind::Path),
    (b"x-forwarded-host", OverrideKind::Host),
    (b"x-original-host", OverrideKind::Host),
    (b"x-host", OverrideKind::Host),
    (b"x-http-host-override", OverrideKind::Host),
    (b"forwarded", OverrideKind::Forwarded),
    (b"x-http-method-override", OverrideKind::Method),
    (b"x-http-method", OverrideKind::Method),
    (b"x-method-override", OverrideKind::Method),
    (b"script-name", OverrideKind::ScriptName),
    (b"x-script-name", OverrideKind::ScriptName),
];

/// The values that override a request's path, host, and method. Most requests have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OverrideFields {
    /// The paths, with a query if there is one.
    pub(crate) paths: Values,
    /// The hosts, with a port if there is one.
    pub(crate) hosts: Values,
    /// The methods.
    pub(crate) methods: Values,
}

/// The different values of one kind, in the order in which they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    list: Vec<Vec<u8>>,
    are_too_many: bool,
}

impl OverrideFields {
    /// Reads the fields of a request, in one pass. Each value of a repeated field or a list counts.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut read = OverrideFields::default();
        for (name, value) in headers.iter() {
            match kind(name) {
                None => {}
                Some(OverrideKind::Path) => read.paths.add(path_of(value)),
                Some(OverrideKind::ScriptName) => read.add_path_after(value, headers),
                Some(OverrideKind::Host) => read.hosts.add_list(value.split(|byte| *byte == b',')),
                Some(OverrideKind::Method) => read.methods.add_list(value.split(|byte| *byte == b',')),
                Some(OverrideKind::Forwarded) => read.hosts.add_list(hosts_of(value)),
            }
        }
        read
    }

    /// Returns whether every path equals the request's own, as when a proxy in front repeats it.
    pub(crate) fn repeat_path(&self, headers: &HeaderMap) -> bool {
        let own = headers.get(":path").map(path::without_query);
        self.paths
            .get()
            .is_some_and(|paths| paths.iter().all(|other| Some(path::without_query(other)) == own))
    }

    /// Returns whether every method equals the request's own.
    pub(crate) fn repeat_method(&self, headers: &HeaderMap) -> bool {
        let own = headers.get(":method");
        self.methods.get().is_some_and(|methods| methods.iter().all(|other| Some(other.as_slice()) == own))
    }

    /// Adds the rest of the request's path, as received or decoded, after the script name.
    fn add_path_after(&mut self, script_name: &[u8], headers: &HeaderMap) {
        let script_name = script_name.trim_ascii();
        let script_name = script_name.strip_suffix(b"/").unwrap_or(script_name);
        let own = path::without_query(headers.get(":path").unwrap_or_default());
        if script_name.is_empty() {
            return;
        }
        if let Some(rest) = own.strip_prefix(script_name) {
            self.paths.add(if rest.is_empty() { b"/" } else { rest });
        } else if let Some(rest) = path::decoded(own).strip_prefix(script_name) {
            self.paths.add(rest);
        }
    }
}

impl Values {
    /// Returns the values; `None` if there were too many.
    pub(crate) fn get(&self) -> Option<&[Vec<u8>]> {
        (!self.are_too_many).then_some(&self.list)
    }

    /// Adds each value that is not empty: upstreams treat an empty host or method as absent.
    fn add_list<'a>(&mut self, values: impl Iterator<Item = &'a [u8]>) {
        values.map(<[u8]>::trim_ascii).filter(|value| !value.is_empty()).for_each(|value| self.add(value));
    }

    fn add(&mut self, value: &[u8]) {
        if self.list.iter().any(|known| known == value) {
            return;
        }
        match self.list.len() < VALUES_MAX {
            true => self.list.push(value.to_vec()),
            false => self.are_too_many = true,
        }
    }
}

/// Returns what a field named `name` overrides. `_` matches `-`, because some upstreams treat them alike.
fn kind(name: &[u8]) -> Option<OverrideKind> {
    let first = name.first().map(u8::to_ascii_lowercase);
    if !matches!(first, Some(b'x' | b'f' | b's')) {
        return None;
    }
    let folded = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    let is = |known: &[u8]| known.len() == name.len() && name.iter().map(folded).eq(known.iter().copied());
    FIELDS.iter().find(|(known, _)| is(known)).map(|(_, kind)| *kind)
}

/// Returns the path of an absolute URL, and any other value unchanged.
fn path_of(url: &[u8]) -> &[u8] {
    let url = url.trim_ascii();
    let Some(scheme) = url.windows(3).position(|three| three == b"://") else { return url };
    let is_scheme = url.iter().take(scheme).all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    if !is_scheme {
        return url;
    }
    let authority = url.get(scheme.saturating_add(3)..).unwrap_or_default();
    match authority.iter().position(|byte| *byte == b'/') {
        Some(path) => authority.get(path..).unwrap_or_default(),
        None => b"/",
    }
}

/// Returns the hosts in a field `Forwarded`. Separators within quotes count too, because some parsers ignore
/// quotes.
fn hosts_of(forwarded: &[u8]) -> impl Iterator<Item = &[u8]> {
    forwarded.split(|byte| matches!(byte, b',' | b';')).filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at_checked(equals)?;
        let value = value.get(1..)?.trim_ascii();
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        let value = value.strip_suffix(b"\"").unwrap_or(value);
        name.trim_ascii().eq_ignore_ascii_case(b"host").then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> OverrideFields {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        OverrideFields::read(&HeaderMap::from_fields(fields))
    }

    fn texts(values: &Values) -> Vec<&str> {
        values.get().expect("not too many").iter().map(|value| std::str::from_utf8(value).unwrap()).collect()
    }

    #[test]
    fn every_spelling_and_every_value_counts() {
        let got = read(&[
            (":path", "/free"),
            ("host", "www.example.com"),
            ("x-http-method-override", "DELETE"),
            ("x_http_method", " put , DELETE"),
            ("X-Method-Override", "PATCH"),
            ("x-forwarded-host", "a.example.com, b.example.com:443"),
            ("x-host", "a.example.com"),
            ("forwarded", "for=1.2.3.4;Host=\"c.example.com\";proto=https, host=d.example.com"),
            ("x-original-url", "https://e.example.com/ask?x"),
            ("x_rewrite_url", "/ask"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-prefix", "/api"),
        ]);
        assert_eq!(texts(&got.methods), ["DELETE", "put", "PATCH"]);
        assert_eq!(
            texts(&got.hosts),
            ["a.example.com", "b.example.com:443", "c.example.com", "d.example.com"]
        );
        assert_eq!(texts(&got.paths), ["/ask?x", "/ask"]);
    }

    #[test]
    fn a_request_without_these_fields_has_no_overrides() {
        let got = read(&[(":path", "/ask"), ("accept", "*/*"), ("x-request-id", "1"), ("from", "a@b")]);
        assert_eq!(got, OverrideFields::default());
    }

    #[test]
    fn the_path_of_a_url_is_read() {
        for (url, want) in [
            ("/ask", "/ask"),
            ("http://x/ask", "/ask"),
            ("http://x", "/"),
            ("ask", "ask"),
            ("", ""),
            ("/x?u=http://y/z", "/x?u=http://y/z"),
        ] {
            assert_eq!(path_of(url.as_bytes()), want.as_bytes(), "{url}");
        }
    }

    #[test]
    fn empty_hosts_and_methods_are_ignored_and_too_many_are_an_error() {
        assert!(read(&[("x-host", ""), ("x-http-method", " , ")]) == OverrideFields::default());
        assert_eq!(texts(&read(&[("x-original-url", "")]).paths), [""]);
        assert_eq!(read(&[("x-host", "a,b,c,d,a")]).hosts.get().map(<[_]>::len), Some(VALUES_MAX));
        assert_eq!(read(&[("x-host", "a,b,c,d,e")]).hosts.get(), None);
    }
}
