//! Which rule guards a request, whichever way the service behind the gateway reads it.

use crate::config::{PathMatch, Rule, Unmatched};
use crate::http::HeaderMap;
use crate::override_fields::OverrideFields;
use crate::path::RequestPath;

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
    /// There are rules for methods, and a header field names a method for which another rule would guard it.
    AmbiguousMethod,
    /// The route names a rule that there is not.
    UnknownRule,
}

/// The rules, and what holds where none matches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleSet<'a> {
    pub(crate) rules: &'a [Rule],
    pub(crate) unmatched: Unmatched,
}

impl<'a> RuleSet<'a> {
    /// Returns the rule that guards a request: the one that the route names, else the first that matches.
    ///
    /// A request has several readings: its path in canonical form, and what some router makes of it by decoding less or
    /// more, or disregarding case and what is at its end; its own path, host and method, and those that header fields
    /// put in their place. The same rule must guard all of them. A route that names a rule was chosen by the path
    /// as it came, so that one must hide nothing.
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
            return rule.map_or(Guard::UnknownRule, |(place, rule)| Guard::Rule(place, rule));
        }
        let hosts = match self.hosts(headers, overrides) {
            Some(hosts) => hosts,
            None => return Guard::AmbiguousHost,
        };
        let Some(methods) = self.methods(headers, overrides) else { return Guard::AmbiguousMethod };
        let guard = self.of_all_readings(&path, &hosts, &methods);
        match replaced.iter().all(|path| self.of_all_readings(path, &hosts, &methods) == guard) {
            true => guard,
            false => Guard::Ambiguous,
        }
    }

    /// Returns whether one of them is there to be named by routes.
    fn are_named_by_routes(self) -> bool {
        self.rules.iter().any(|rule| !says_something(rule))
    }

    /// Returns whether the method decides which of them guards a request.
    fn depend_on_methods(self) -> bool {
        self.rules.iter().any(|rule| !rule.methods.is_empty())
    }

    /// The host of a request, and those that header fields put in its place; an empty one if no rule is for a host.
    /// `None` if one of them is not plain.
    fn hosts<'b>(self, headers: &'b HeaderMap, overrides: &'b OverrideFields) -> Option<Vec<&'b [u8]>> {
        if self.rules.iter().all(|rule| rule.host.is_none()) {
            return Some(vec![b""]);
        }
        let own = headers.get(":authority").unwrap_or_default();
        let others = overrides.hosts.get()?.iter().map(Vec::as_slice);
        std::iter::once(own).chain(others).map(host_of).collect()
    }

    /// The method of a request, and those that header fields put in its place, if there are rules for methods. `None` if
    /// they are too many.
    fn methods<'b>(self, headers: &'b HeaderMap, overrides: &'b OverrideFields) -> Option<Vec<&'b [u8]>> {
        let mut methods = vec![headers.get(":method").unwrap_or_default()];
        if self.depend_on_methods() {
            methods.extend(overrides.methods.get()?.iter().map(Vec::as_slice));
        }
        Some(methods)
    }

    /// The rule that guards a path with each of these hosts and methods, the first of which are the request's own.
    fn of_all_readings(self, path: &RequestPath<'_>, hosts: &[&[u8]], methods: &[&[u8]]) -> Guard<'a> {
        let readings = path.readings();
        let mut first = None;
        for (host_place, host) in hosts.iter().enumerate() {
            for method in methods {
                let guard = self.of_reading(path, &readings, host, method);
                match first {
                    None => first = Some(guard),
                    Some(first) if first == guard => {}
                    Some(_) if host_place > 0 => return Guard::AmbiguousHost,
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
                says_something(rule)
                    && host_matches(rule, host)
                    && method_matches(rule, method)
                    && matches(&rule.path)
            })
        };
        let place = |found: Option<(usize, &Rule)>| found.map_or(usize::MAX, |(place, _)| place);
        let canonical = first(&|rule| matches_canonical(rule, path.canonical()));
        // Where nothing is asked of other paths, a router that knows the path in canonical form alone serves nothing else
        // than a request for one of these could have.
        let is_guarded_enough = |other: usize| {
            other == place(canonical) || (other == usize::MAX && self.unmatched == Unmatched::Pass)
        };
        if let Some(undecoded) = path.undecoded()
            && !is_guarded_enough(place(first(&|rule| matches_canonical(rule, undecoded))))
        {
            return Guard::Ambiguous;
        }
        // Whatever matches is among those that may, so the first of these is not behind the first of those.
        if place(first(&|rule| may_match(rule, readings))) < place(canonical) {
            return Guard::Ambiguous;
        }
        canonical.map_or(Guard::Unmatched, |(place, rule)| Guard::Rule(place, rule))
    }
}

/// A rule that says nothing of the request is there to be named by routes.
fn says_something(rule: &Rule) -> bool {
    rule.path != PathMatch::Any || rule.host.is_some() || !rule.methods.is_empty()
}

fn host_matches(rule: &Rule, host: &[u8]) -> bool {
    rule.host.as_deref().is_none_or(|of_rule| {
        let of_rule = of_rule.strip_suffix('.').unwrap_or(of_rule);
        host.eq_ignore_ascii_case(of_rule.as_bytes())
    })
}

/// HEAD is GET without the body (RFC 9110 §9.3.2), and most frameworks run the same code for both. Methods know case, but
/// not to all of them.
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
mod tests;
