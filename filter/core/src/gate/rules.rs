//! Which rule guards a request.

use super::path::normal_form;
use crate::config::{PathMatch, Rule};
use crate::http::HeaderMap;

/// What the rules say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard<'a> {
    /// This rule guards it: its place in the list, and the rule.
    Rule(usize, &'a Rule),
    /// No rule does.
    Unmatched,
    /// Its path could be read otherwise behind the gateway, so that another rule would guard it.
    Ambiguous,
    /// There are rules for hosts, and servers differ on which host the request is for.
    AmbiguousHost,
    /// The route names a rule that there is not.
    UnknownRule,
}

/// The rule that guards a request: the one that the route names, else the first that matches.
///
/// Rules are judged case-sensitively on the path as it will be forwarded. A path that matches another rule, or one
/// earlier in the list, if case or a slash at its end is disregarded, is ambiguous: many routers disregard both. A path
/// that is not in normal form is ambiguous whoever names the rule: the route, too, was chosen by what it looks like.
pub(crate) fn guard<'a>(rules: &'a [Rule], named: Option<&[u8]>, headers: &HeaderMap) -> Guard<'a> {
    if named.is_none() && rules.is_empty() {
        return Guard::Unmatched;
    }
    let Some(path) = headers.get(":path").and_then(normal_form) else { return Guard::Ambiguous };
    if let Some(name) = named {
        let rule = rules.iter().enumerate().find(|(_, rule)| rule.name.as_bytes() == name);
        return rule.map_or(Guard::UnknownRule, |(place, rule)| Guard::Rule(place, rule));
    }
    let host = match host_of(headers.get(":authority").unwrap_or_default()) {
        Some(host) => host,
        None if rules.iter().any(|rule| rule.host.is_some()) => return Guard::AmbiguousHost,
        None => b"",
    };
    let request = Request { path, method: headers.get(":method").unwrap_or_default(), host };
    let first = |strictness| rules.iter().enumerate().find(|(_, rule)| request.matches(rule, strictness));
    match (first(Strictness::Exact), first(Strictness::AsRoutersDo)) {
        (Some((exact, rule)), Some((loose, _))) if exact <= loose => Guard::Rule(exact, rule),
        (None, None) => Guard::Unmatched,
        _ => Guard::Ambiguous,
    }
}

struct Request<'a> {
    path: &'a [u8],
    method: &'a [u8],
    host: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// Byte by byte.
    Exact,
    /// Disregarding case and a slash at the end.
    AsRoutersDo,
}

impl Request<'_> {
    fn matches(&self, rule: &Rule, strictness: Strictness) -> bool {
        // A rule that says nothing of the request is there to be named by routes.
        let says_something = rule.path != PathMatch::Any || rule.host.is_some() || !rule.methods.is_empty();
        says_something
            && self.host_matches(rule)
            && self.method_matches(rule)
            && self.path_matches(rule, strictness)
    }

    fn host_matches(&self, rule: &Rule) -> bool {
        rule.host.as_deref().is_none_or(|host| {
            let host = host.strip_suffix('.').unwrap_or(host);
            self.host.eq_ignore_ascii_case(host.as_bytes())
        })
    }

    /// HEAD is GET without the body (RFC 9110 §9.3.2), and most frameworks run the same code for both. Methods know
    /// case, but not to all of them.
    fn method_matches(&self, rule: &Rule) -> bool {
        let is = |method: &[u8]| rule.methods.iter().any(|m| m.as_bytes().eq_ignore_ascii_case(method));
        rule.methods.is_empty()
            || is(self.method)
            || (self.method.eq_ignore_ascii_case(b"HEAD") && is(b"GET"))
    }

    fn path_matches(&self, rule: &Rule, strictness: Strictness) -> bool {
        let trim = |path: &'_ [u8]| path.strip_suffix(b"/").unwrap_or(path).len();
        match (&rule.path, strictness) {
            (PathMatch::Any, _) => true,
            (PathMatch::Exact(exact), Strictness::Exact) => self.path == exact.as_bytes(),
            (PathMatch::Exact(exact), Strictness::AsRoutersDo) => {
                let exact = exact.as_bytes();
                let (path, exact) = (self.path.get(..trim(self.path)), exact.get(..trim(exact)));
                path.unwrap_or_default().eq_ignore_ascii_case(exact.unwrap_or_default())
            }
            (PathMatch::Prefix(prefix), strictness) => self.starts_with(prefix.as_bytes(), strictness),
        }
    }

    /// Whole segments: `/ask` and `/ask/x`, not `/asking`.
    fn starts_with(&self, prefix: &[u8], strictness: Strictness) -> bool {
        let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
        let Some((start, rest)) = self.path.split_at_checked(prefix.len()) else { return false };
        let same = match strictness {
            Strictness::Exact => start == prefix,
            Strictness::AsRoutersDo => start.eq_ignore_ascii_case(prefix),
        };
        same && (rest.is_empty() || rest.starts_with(b"/"))
    }
}

/// The host that an authority names, without its port and without the dot of the root, both of which servers disregard.
/// `None` if it is not plain: some servers skip what stands before an `@`, and of two Host fields, which Envoy joins by
/// a comma, some take the first and some the last.
fn host_of(authority: &[u8]) -> Option<&[u8]> {
    let is_address = authority.starts_with(b"[");
    let end = if is_address { |byte: &u8| *byte == b']' } else { |byte: &u8| *byte == b':' };
    let end =
        authority.iter().position(end).map_or(authority.len(), |end| end.saturating_add(is_address.into()));
    let (host, port) = authority.split_at_checked(end)?;
    let host = host.strip_suffix(b".").unwrap_or(host);
    let is_plain = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'-' | b'_')
            || (is_address && matches!(byte, b'[' | b':' | b']'))
    };
    let port_is_plain = match port.split_first() {
        Some((colon, digits)) => *colon == b':' && digits.iter().all(u8::is_ascii_digit),
        None => true,
    };
    (port_is_plain && host.iter().all(is_plain) && !host.ends_with(b".")).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, path: PathMatch) -> Rule {
        Rule {
            name: name.to_owned(),
            path,
            methods: Vec::new(),
            host: None,
            require: None,
            limit: None,
            anonymous: None,
        }
    }

    fn head<'a>(method: &'a str, authority: &'a str, path: &'a str) -> HeaderMap {
        HeaderMap::from_fields([
            (&b":method"[..], method.as_bytes()),
            (b":authority", authority.as_bytes()),
            (b":path", path.as_bytes()),
        ])
    }

    fn name<'a>(guard: Guard<'a>) -> &'a str {
        match guard {
            Guard::Rule(_, rule) => &rule.name,
            Guard::Unmatched => "-",
            Guard::Ambiguous => "ambiguous",
            Guard::AmbiguousHost => "ambiguous host",
            Guard::UnknownRule => "unknown",
        }
    }

    fn rules() -> Vec<Rule> {
        let exact = |path: &str| PathMatch::Exact(path.to_owned());
        let prefix = |path: &str| PathMatch::Prefix(path.to_owned());
        vec![
            rule("ask", prefix("/ask")),
            Rule { methods: vec!["GET".to_owned()], ..rule("read", prefix("/files")) },
            rule("write", prefix("/files")),
            rule("report", exact("/report")),
            Rule { host: Some("api.example.com".to_owned()), ..rule("api", prefix("/v1/")) },
            rule("named", PathMatch::Any),
        ]
    }

    #[test]
    fn the_first_rule_that_matches_guards() {
        let cases = [
            ("a prefix", "GET", "/ask", "ask"),
            ("whole segments below it", "GET", "/ask/x", "ask"),
            ("with a slash", "GET", "/ask/", "ask"),
            ("with a query", "GET", "/ask?q=1", "ask"),
            ("not part of a segment", "GET", "/asking", "-"),
            ("a method", "GET", "/files/1", "read"),
            ("HEAD is GET without the body", "HEAD", "/files/1", "read"),
            ("another method goes on to the next rule", "POST", "/files/1", "write"),
            ("some servers take it for GET", "get", "/files/1", "read"),
            ("and this too", "Head", "/files/1", "read"),
            ("exactly", "GET", "/report", "report"),
            ("not below it", "GET", "/report/x", "-"),
            ("below a prefix with a slash, on its host", "GET", "/v1/x", "api"),
            ("the prefix itself without the slash", "GET", "/v1", "api"),
            ("nothing matches", "GET", "/", "-"),
            ("routers disregard case", "GET", "/ASK", "ambiguous"),
            ("in part of it", "GET", "/Ask/x", "ambiguous"),
            ("routers disregard a slash at the end", "GET", "/report/", "ambiguous"),
            ("folded slashes", "GET", "//ask", "ambiguous"),
            ("an escaped letter", "GET", "/%61sk", "ambiguous"),
            ("up and down", "GET", "/x/../ask", "ambiguous"),
            ("an escaped slash", "GET", "/x%2F..%2Fask", "ambiguous"),
            ("a parameter", "GET", "/ask;x", "ambiguous"),
        ];
        let rules = rules();
        for (why, method, path, want) in cases {
            let headers = head(method, "API.example.com:8443", path);
            assert_eq!(name(guard(&rules, None, &headers)), want, "{why}: {method} {path}");
        }
    }

    #[test]
    fn a_rule_for_a_host_guards_that_host_alone() {
        for (authority, want) in [
            ("api.example.com", "api"),
            ("api.example.com:443", "api"),
            ("API.EXAMPLE.COM", "api"),
            ("api.example.com.", "api"),
            ("api.example.com:", "api"),
            ("api.example.com.:443", "api"),
            ("www.example.com", "-"),
            ("[2001:db8::1]:443", "-"),
            ("[2001:db8::1]", "-"),
            ("", "-"),
            ("user@api.example.com", "ambiguous host"),
            ("api.example.com@x", "ambiguous host"),
            ("x,api.example.com", "ambiguous host"),
            ("api.example.com,x", "ambiguous host"),
            ("api.example.com:443,x", "ambiguous host"),
            ("api.example.com..", "ambiguous host"),
            ("api.example.com:x", "ambiguous host"),
            ("[::1]x", "ambiguous host"),
            ("api%2eexample.com", "ambiguous host"),
            ("api.example.com\u{0}", "ambiguous host"),
        ] {
            let headers = head("GET", authority, "/v1/x");
            assert_eq!(name(guard(&rules(), None, &headers)), want, "{authority}");
        }
    }

    #[test]
    fn a_rule_may_be_written_with_the_dot_of_the_root() {
        let rules = [Rule { host: Some("api.example.com.".to_owned()), ..rule("api", PathMatch::Any) }];
        for authority in ["api.example.com", "api.example.com."] {
            assert_eq!(name(guard(&rules, None, &head("GET", authority, "/"))), "api");
        }
    }

    #[test]
    fn without_rules_for_hosts_the_host_does_not_matter() {
        let headers = head("GET", "x,y", "/ask");
        assert_eq!(name(guard(&[rule("ask", PathMatch::Prefix("/ask".to_owned()))], None, &headers)), "ask");
    }

    #[test]
    fn a_rule_that_the_route_names_wins_over_the_path() {
        let headers = head("GET", "x", "/ask");
        assert_eq!(name(guard(&rules(), Some(b"named"), &headers)), "named");
        assert_eq!(name(guard(&rules(), Some(b"report"), &headers)), "report");
        assert_eq!(name(guard(&rules(), Some(b"nosuch"), &headers)), "unknown");
    }

    #[test]
    fn a_rule_that_the_route_names_is_not_left_behind_by_the_path() {
        for path in ["/ask/../reports", "/ask%2F..%2Freports", "//ask", "/ask;x", "/%61sk"] {
            assert_eq!(name(guard(&rules(), Some(b"ask"), &head("GET", "x", path))), "ambiguous", "{path}");
        }
    }

    #[test]
    fn an_earlier_rule_is_not_dodged_into_a_later_one() {
        let catch_all = rule("all", PathMatch::Prefix("/".to_owned()));
        let rules = [rule("report", PathMatch::Exact("/report".to_owned())), catch_all];
        assert_eq!(name(guard(&rules, None, &head("GET", "x", "/report"))), "report");
        assert_eq!(name(guard(&rules, None, &head("GET", "x", "/Report"))), "ambiguous");
        assert_eq!(name(guard(&rules, None, &head("GET", "x", "/report/"))), "ambiguous");
        assert_eq!(name(guard(&rules, None, &head("GET", "x", "/other"))), "all");
    }

    #[test]
    fn without_rules_nothing_is_ambiguous() {
        assert_eq!(guard(&[], None, &head("GET", "x", "//x")), Guard::Unmatched);
    }
}
