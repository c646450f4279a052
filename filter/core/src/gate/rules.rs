//! Finds the rule that guards a request, however the upstream reads the request.

use crate::config::{PathMatch, Rule, Unmatched};
use crate::http::HeaderMap;
use crate::override_fields::OverrideFields;
use crate::path::RequestPath;
use std::borrow::Cow;

/// The rule for a request, or the reason why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard<'a> {
    /// The rule that guards the request, with its index.
    Rule(usize, &'a Rule),
    /// No rule matches.
    Unmatched,
    /// An upstream could read the path in another way, to which another rule would apply.
    Ambiguous,
    /// There are rules for hosts, and servers would disagree about the host of the request.
    AmbiguousHost,
    /// There are rules for methods, and a header field has a method to which another rule would apply.
    AmbiguousMethod,
    /// The route names a rule that is not configured.
    UnknownRule,
}

/// The rules, and the handling of requests that match none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleSet<'a> {
    pub(crate) rules: &'a [Rule],
    pub(crate) unmatched: Unmatched,
}

impl<'a> RuleSet<'a> {
    /// Returns the rule that guards a request: the one that the route names, or the first that matches.
    ///
    /// Upstreams can read a request in several ways: they decode its path less or more than the canonical
    /// form, or ignore case and the end of the path; they use its own path, host, and method, or those of
    /// overriding header fields. The same rule must apply to all of these readings. If the route names a
    /// rule, Envoy chose the route by the path as received, so that path must not hide characters by escapes.
    pub(crate) fn guard(
        self,
        named: Option<&[u8]>,
        headers: &HeaderMap,
        overrides: &OverrideFields,
    ) -> Guard<'a> {
        if named.is_none() && self.rules.is_empty() {
            return Guard::Unmatched;
        }
        let Some(path) = headers.get(":path").and_then(RequestPath::parse) else { return Guard::Ambiguous };
        if (named.is_some() || self.are_named_by_routes()) && path.hides_plain_characters() {
            return Guard::Ambiguous;
        }
        let Some(paths) = overrides.paths.get() else { return Guard::Ambiguous };
        let Some(replaced) = paths.iter().map(|path| RequestPath::parse(path)).collect::<Option<Vec<_>>>()
        else {
            return Guard::Ambiguous;
        };
        if let Some(name) = named {
            if replaced.iter().any(|other| other.canonical() != path.canonical()) {
                return Guard::Ambiguous;
            }
            let rule = self.rules.iter().enumerate().find(|(_, rule)| rule.name.as_bytes() == name);
            return rule.map_or(Guard::UnknownRule, |(index, rule)| Guard::Rule(index, rule));
        }
        let hosts = match self.hosts(headers, overrides) {
            Some(hosts) => hosts,
            None => return Guard::AmbiguousHost,
        };
        let own_method = headers.get(":method").unwrap_or_default();
        let Some(methods) = self.methods(&own_method, overrides) else { return Guard::AmbiguousMethod };
        let guard = self.of_all_readings(&path, &hosts, &methods);
        match replaced.iter().all(|path| self.of_all_readings(path, &hosts, &methods) == guard) {
            true => guard,
            false => Guard::Ambiguous,
        }
    }

    /// Returns whether there is a rule that routes select by name.
    fn are_named_by_routes(self) -> bool {
        self.rules.iter().any(|rule| !has_condition(rule))
    }

    /// Returns whether the choice of the rule depends on the method.
    fn depend_on_methods(self) -> bool {
        self.rules.iter().any(|rule| !rule.methods.is_empty())
    }

    /// Returns the host of a request and those of overriding header fields; one empty host if no rule has a
    /// host. Returns `None` if a host is not plain.
    fn hosts<'b>(self, headers: &'b HeaderMap, overrides: &'b OverrideFields) -> Option<Cow<'b, [&'b [u8]]>> {
        if self.rules.iter().all(|rule| rule.host.is_none()) {
            return Some(Cow::Borrowed(&[b""]));
        }
        let own = headers.get(":authority").unwrap_or_default();
        let others = overrides.hosts.get()?.iter().map(Vec::as_slice);
        std::iter::once(own).chain(others).map(host_of).collect()
    }

    /// Returns the request's own method and, if there are rules for methods, those of overriding header
    /// fields. Returns `None` if there are too many.
    fn methods<'b>(self, own: &'b &'b [u8], overrides: &'b OverrideFields) -> Option<Cow<'b, [&'b [u8]]>> {
        let mut methods = Cow::Borrowed(std::slice::from_ref(own));
        if self.depend_on_methods() {
            let others = overrides.methods.get()?;
            if !others.is_empty() {
                methods.to_mut().extend(others.iter().map(Vec::as_slice));
            }
        }
        Some(methods)
    }

    /// Returns the rule that guards a path with each of these hosts and methods, the first of which are the
    /// request's.
    fn of_all_readings(self, path: &RequestPath<'_>, hosts: &[&[u8]], methods: &[&[u8]]) -> Guard<'a> {
        let readings = path.readings();
        let mut first = None;
        for (host_index, host) in hosts.iter().enumerate() {
            for method in methods {
                let guard = self.of_reading(path, &readings, host, method);
                match first {
                    None => first = Some(guard),
                    Some(first) if first == guard => {}
                    Some(_) if host_index > 0 => return Guard::AmbiguousHost,
                    Some(_) => return Guard::AmbiguousMethod,
                }
            }
        }
        first.unwrap_or(Guard::Ambiguous)
    }

    fn of_reading(
        self,
        path: &RequestPath<'_>,
        readings: &[Vec<u8>],
        host: &[u8],
        method: &[u8],
    ) -> Guard<'a> {
        let first = |matches: &dyn Fn(&PathMatch) -> bool| {
            let mut rules = self.rules.iter().enumerate();
            rules.find(|(_, rule)| {
                has_condition(rule)
                    && host_matches(rule, host)
                    && method_matches(rule, method)
                    && matches(&rule.path)
            })
        };
        let index = |found: Option<(usize, &Rule)>| found.map_or(usize::MAX, |(index, _)| index);
        let canonical = first(&|rule| matches_canonical(rule, path.canonical()));
        // If unmatched requests pass, a router that reads the path without decoding it serves nothing that a
        // request for an unguarded path could not get.
        let is_guarded_enough = |other: usize| {
            other == index(canonical) || (other == usize::MAX && self.unmatched == Unmatched::Pass)
        };
        if let Some(undecoded) = path.undecoded()
            && !is_guarded_enough(index(first(&|rule| matches_canonical(rule, undecoded))))
        {
            return Guard::Ambiguous;
        }
        // Every rule that matches also may match, so the first that may match is never after the first that
        // matches.
        if index(first(&|rule| may_match(rule, readings))) < index(canonical) {
            return Guard::Ambiguous;
        }
        canonical.map_or(Guard::Unmatched, |(index, rule)| Guard::Rule(index, rule))
    }
}

/// Returns whether a rule has a path, a host, or a method. A rule without any is for routes that name it.
fn has_condition(rule: &Rule) -> bool {
    rule.path != PathMatch::Any || rule.host.is_some() || !rule.methods.is_empty()
}

fn host_matches(rule: &Rule, host: &[u8]) -> bool {
    rule.host.as_deref().is_none_or(|of_rule| {
        let of_rule = of_rule.strip_suffix('.').unwrap_or(of_rule);
        host.eq_ignore_ascii_case(of_rule.as_bytes())
    })
}

/// Returns whether a rule matches a method. A rule for GET also matches HEAD, which is GET without the body
/// (RFC 9110 §9.3.2) and runs the same code in most frameworks. Case is ignored, because some frameworks
/// ignore it.
fn method_matches(rule: &Rule, method: &[u8]) -> bool {
    let is = |method: &[u8]| rule.methods.iter().any(|m| m.as_bytes().eq_ignore_ascii_case(method));
    rule.methods.is_empty() || is(method) || (method.eq_ignore_ascii_case(b"HEAD") && is(b"GET"))
}

fn matches_canonical(rule: &PathMatch, canonical: &[u8]) -> bool {
    match rule {
        PathMatch::Any => true,
        PathMatch::Exact(exact) => exact.equals(canonical),
        PathMatch::Prefix(prefix) => prefix.contains(canonical),
    }
}

fn may_match(rule: &PathMatch, readings: &[Vec<u8>]) -> bool {
    match rule {
        PathMatch::Any => true,
        PathMatch::Exact(exact) => readings.iter().any(|reading| exact.may_equal(reading)),
        PathMatch::Prefix(prefix) => readings.iter().any(|reading| prefix.may_contain(reading)),
    }
}

/// Returns the host of an authority, without its port and without the root's dot, both of which servers
/// ignore. Returns `None` if it is not plain: some servers skip the text before an `@`, and of two Host
/// fields, which Envoy joins with a comma, some use the first and some the last.
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
mod tests;
