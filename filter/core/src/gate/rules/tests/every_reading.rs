//! Property tests with routers that are independent of the gate's model: every path that one of them reads
//! has the same rule.

use super::*;
use proptest::prelude::*;

/// Decodes a path once, byte by byte.
fn decode(path: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut bytes = path.as_bytes().iter();
    while let Some(&byte) = bytes.next() {
        let rest = bytes.as_slice();
        let digits = rest.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.filter(|two| byte == b'%' && two.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(two) => {
                decoded.push(u8::from_str_radix(two, 16).unwrap());
                bytes.nth(1);
            }
            None => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).ok()
}

fn without_dot_segments(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

/// The steps that a router may take after it has decoded a path, in any combination.
const STEPS: [fn(&str) -> String; 10] = [
    |path| path.to_lowercase(),
    |path| path.replace('\\', "/"),
    |path| path.split('/').map(|s| s.split(';').next().unwrap()).collect::<Vec<_>>().join("/"),
    |path| path.split(['?', '#', '\0']).next().unwrap().to_owned(),
    without_dot_segments,
    |path| match path.rsplit_once("/index.php/") {
        Some((_, rest)) => format!("/{rest}"),
        None => path.to_owned(),
    },
    |path| path.replacen("/index.php/", "/", 1),
    |path| path.trim_end_matches(['.', ' ']).to_owned(),
    |path| if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path.to_owned() },
    |path| match path.rsplit_once('/') {
        Some((above, last)) => format!("{above}/{}", last.split('.').next().unwrap()),
        None => path.to_owned(),
    },
];

/// Returns the rule for a path as a router has read it. Rules are in lower case, for routers that ignore
/// case.
fn rule_of(rules: &[Rule], path: &str) -> Option<usize> {
    let below = |path: &str, prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    rules.iter().position(|rule| match &rule.path {
        PathMatch::Any => false,
        PathMatch::Exact(_) => path == rule.name,
        PathMatch::Prefix(_) => below(path, &rule.name),
    })
}

fn paths() -> impl Strategy<Value = String> {
    let word = prop_oneof![Just("a"), Just("b"), Just("A"), Just("a:b"), Just("index.php"), Just("x")];
    let end =
        prop_oneof![8 => Just(""), 1 => Just(".json"), 1 => Just("."), 1 => Just("/"), 1 => Just("%20")];
    let between = prop_oneof![6 => Just("/"), 1 => Just("//"), 1 => Just("/./"), 1 => Just("/../"), 1 => Just(";/"), 1 => Just("\\")];
    (proptest::collection::vec((between, word), 1..4), end)
        .prop_map(|(parts, end)| parts.into_iter().map(|(b, w)| format!("{b}{w}")).collect::<String>() + end)
}

/// Escapes some characters, some of them several times.
fn escaped(path: &str, which: &[u8]) -> String {
    let mut escaped = String::new();
    for (index, character) in path.chars().enumerate() {
        let times = which.get(index).copied().unwrap_or_default();
        let is_edge = index == 0 || !character.is_ascii();
        match (times, is_edge) {
            (1..=3, false) => {
                let layers = "25".repeat(usize::from(times.saturating_sub(1)));
                escaped.push_str(&format!("%{layers}{:02X}", u32::from(character)));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn every_reading_has_the_rule_of_the_request(
        written in proptest::collection::vec(("/[ab](:b)?(/[ab])?", any::<bool>()), 1..4),
        path in paths(),
        which in proptest::collection::vec(prop_oneof![12 => Just(0u8), 2 => Just(1), 1 => Just(2), 1 => Just(3)], 0..24),
        steps in proptest::collection::vec(0..STEPS.len(), 0..5),
        decodings in 0..4usize,
    ) {
        // The name of each rule is its path.
        let rules: Vec<Rule> = written.iter().map(|(path, is_exact)| {
            let pattern = PathPattern::new(path);
            rule(path, if *is_exact { PathMatch::Exact(pattern) } else { PathMatch::Prefix(pattern) })
        }).collect();
        let sent = escaped(&path, &which);
        let index = match guard(&rules, None, &head("GET", "x", &sent)) {
            Guard::Rule(index, _) => Some(index),
            Guard::Unmatched => None,
            _ => return Ok(()),
        };
        let mut read = Some(sent.clone());
        for _ in 0..decodings {
            read = read.and_then(|path| decode(&path));
        }
        let Some(mut read) = read else { return Ok(()) };
        for step in steps {
            read = STEPS[step](&read);
        }
        // A path without a rule is open to every request.
        if let Some(served) = rule_of(&rules, &read) {
            prop_assert_eq!(Some(served), index, "{} is read as {}", sent, read);
        }
    }

    #[test]
    fn a_path_in_normal_form_is_never_refused(segments in proptest::collection::vec("[a-z0-9_~-]{1,8}(%20|%C3%A4|@|:)?[a-z0-9]{0,3}", 1..4)) {
        let path = format!("/{}", segments.join("/"));
        let rules = [rule("guarded", PathMatch::Prefix(PathPattern::new(&path)))];
        for path in [path.clone(), format!("{path}/x"), format!("{path}/ada%40example.com"), format!("{path}/report.json")] {
            prop_assert_eq!(name(guard(&rules, None, &head("GET", "x", &path))), "guarded");
        }
        let other = [rule("other", PathMatch::Prefix(PathPattern::new("/Guarded.")))];
        prop_assert_eq!(name(guard(&other, None, &head("GET", "x", &path))), "-");
    }
}
