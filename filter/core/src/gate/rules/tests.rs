//! Tests of the rule that guards a request, in every spelling of the request.

mod every_reading;

use super::*;
use crate::path::PathPattern;

fn guard<'a>(rules: &'a [Rule], named: Option<&[u8]>, headers: &HeaderMap) -> Guard<'a> {
    let overrides = OverrideFields::read(headers);
    RuleSet { rules, unmatched: Unmatched::Pass }.guard(named, headers, &overrides)
}

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
        Guard::AmbiguousMethod => "ambiguous method",
        Guard::UnknownRule => "unknown",
    }
}

fn rules() -> Vec<Rule> {
    let exact = |path: &str| PathMatch::Exact(PathPattern::new(path));
    let prefix = |path: &str| PathMatch::Prefix(PathPattern::new(path));
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
        ("the rule is skipped for another method", "POST", "/files/1", "write"),
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
fn a_rule_for_a_host_guards_only_that_host() {
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
fn the_host_of_a_rule_may_end_with_a_dot() {
    let rules = [Rule { host: Some("api.example.com.".to_owned()), ..rule("api", PathMatch::Any) }];
    for authority in ["api.example.com", "api.example.com."] {
        assert_eq!(name(guard(&rules, None, &head("GET", authority, "/"))), "api");
    }
}

#[test]
fn without_rules_for_hosts_the_host_does_not_matter() {
    let headers = head("GET", "x,y", "/ask");
    assert_eq!(
        name(guard(&[rule("ask", PathMatch::Prefix(PathPattern::new("/ask")))], None, &headers)),
        "ask"
    );
}

#[test]
fn a_rule_that_the_route_names_precedes_the_path() {
    let headers = head("GET", "x", "/ask");
    assert_eq!(name(guard(&rules(), Some(b"named"), &headers)), "named");
    assert_eq!(name(guard(&rules(), Some(b"report"), &headers)), "report");
    assert_eq!(name(guard(&rules(), Some(b"nosuch"), &headers)), "unknown");
}

#[test]
fn the_path_does_not_select_a_rule_for_routes() {
    for path in ["/ask/../reports", "/ask%2F..%2Freports", "//ask", "/ask;x", "/%61sk"] {
        assert_eq!(name(guard(&rules(), Some(b"ask"), &head("GET", "x", path))), "ambiguous", "{path}");
    }
}

#[test]
fn another_spelling_does_not_skip_an_earlier_rule() {
    let catch_all = rule("all", PathMatch::Prefix(PathPattern::new("/")));
    let rules = [rule("report", PathMatch::Exact(PathPattern::new("/report"))), catch_all];
    assert_eq!(name(guard(&rules, None, &head("GET", "x", "/report"))), "report");
    assert_eq!(name(guard(&rules, None, &head("GET", "x", "/Report"))), "ambiguous");
    assert_eq!(name(guard(&rules, None, &head("GET", "x", "/report/"))), "ambiguous");
    assert_eq!(name(guard(&rules, None, &head("GET", "x", "/other"))), "all");
}

#[test]
fn without_rules_nothing_is_ambiguous() {
    assert_eq!(guard(&[], None, &head("GET", "x", "//x")), Guard::Unmatched);
}

/// Returns rules of every kind, so that every spelling could lead from one rule to another.
fn spelled_rules() -> Vec<Rule> {
    let exact = |path: &str| PathMatch::Exact(PathPattern::new(path));
    let prefix = |path: &str| PathMatch::Prefix(PathPattern::new(path));
    vec![
        rule("export", exact("/v1/docs:export")),
        rule("escaped", exact("/v1/docs%3Aimport")),
        rule("blank", prefix("/my%20files")),
        rule("umlaut", prefix("/caf%C3%A9")),
        rule("ask", prefix("/ask")),
        rule("reports", prefix("/reports")),
        rule("hundred", exact("/files/100%25")),
    ]
}

#[test]
fn two_spellings_of_a_path_have_the_same_rule() {
    let cases = [
        ("as it is written", "/v1/docs:export", "export"),
        ("escaped, as some clients do", "/v1/docs%3Aexport", "export"),
        ("in small letters", "/v1/docs%3aexport", "export"),
        ("the rule is escaped", "/v1/docs:import", "escaped"),
        ("both are", "/v1/docs%3Aimport", "escaped"),
        ("an address in a segment", "/reports/ada%40example.com", "reports"),
        ("and as it is", "/reports/ada@example.com", "reports"),
        ("a percent sign", "/files/100%25", "hundred"),
        ("another percent sign", "/files/99%25", "-"),
        ("a blank", "/search/a%20b", "-"),
        ("a blank in a rule", "/my%20files/x", "blank"),
        ("a letter outside of ASCII", "/caf%C3%A9", "umlaut"),
        ("escaped in small letters", "/caf%c3%a9/x", "umlaut"),
        ("and where no rule is", "/%C3%A4/%E6%97%A5%E6%9C%AC", "-"),
        ("a format where no rule is near", "/v1/items/report.json", "-"),
        ("a format below a prefix", "/reports/daily.csv", "reports"),
        ("a number in front", "/ask2.0", "-"),
        ("a text that looks like an escape", "/search/%2520", "-"),
        ("a script where no rule is near", "/index.php/free", "-"),
        ("a script below a prefix", "/reports/index.php/ada", "reports"),
        ("the same words in another order", "/ask/index.php", "ask"),
    ];
    for (why, path, want) in cases {
        assert_eq!(name(guard(&spelled_rules(), None, &head("GET", "x", path))), want, "{why}: {path}");
    }
}

#[test]
fn a_path_that_a_router_could_read_as_guarded_is_refused() {
    for (why, path) in [
        ("decoded twice", "/%2561sk"),
        ("decoded three times", "/%252561sk"),
        ("decoded twice to a colon", "/v1/docs%253Aexport"),
        ("without regard to case", "/V1/Docs%3Aexport"),
        ("outside of ASCII", "/CAF%C3%89"),
        ("a format's suffix", "/ask.json"),
        ("any suffix", "/ask.anything"),
        ("on an exact path", "/v1/docs:export.xml"),
        ("a suffix after a slash", "/ask.json/"),
        ("a dot at the end", "/ask."),
        ("a blank at the end", "/ask%20"),
        ("a blank in front", "/%20ask"),
        ("a no-break space", "/ask%C2%A0"),
        ("a plus sign for a blank", "/my+files"),
        ("an end for who decodes twice", "/ask%2500x"),
        ("an escaped query", "/ask%3Fx"),
        ("an escaped fragment", "/ask%23x"),
        ("an escaped query for who decodes twice", "/ask%253Fx"),
        ("a parameter for who decodes twice", "/ask%253Bx"),
        ("a slash for who decodes twice", "/ask%252Fx"),
        ("a backslash for who decodes twice", "/ask%255Cx"),
        ("something not seen", "/a%E2%80%8Bsk"),
        ("full-width letters", "/%EF%BD%81sk"),
        ("the Kelvin sign", "/as%E2%84%AA"),
        ("a long s", "/a%C5%BFk"),
        ("letters of mathematics", "/%F0%9D%92%B6sk"),
        ("a full-width slash", "/ask%EF%BC%8Fx"),
        ("overlong, for who decodes twice", "/%25C1%25A1sk"),
        ("the path info of a script", "/index.php/ask"),
        ("of one in another directory", "/app/index.php/ask/x"),
        ("between the parts of the path", "/v1/index.php/docs:export"),
        ("of a script in capitals", "/INDEX.PHP/ask"),
        ("of one that is escaped twice", "/index%252Ephp/ask"),
        ("after a path info that looks like a script", "/index.php/x.php/ask"),
        ("of another language", "/dispatch.fcgi/ask"),
    ] {
        assert_eq!(
            name(guard(&spelled_rules(), None, &head("GET", "x", path))),
            "ambiguous",
            "{why}: {path}"
        );
    }
}

#[test]
fn a_spelling_does_not_lead_from_one_rule_to_another() {
    let exact = |path: &str| PathMatch::Exact(PathPattern::new(path));
    let prefix = |path: &str| PathMatch::Prefix(PathPattern::new(path));
    let rules = [
        rule("lax", exact("/v1/docs:export")),
        rule("admin", prefix("/v1/admin")),
        rule("v1", prefix("/v1")),
        rule("data", exact("/data.json")),
        rule("all_data", exact("/data")),
    ];
    for (why, path, want) in [
        ("the first", "/v1/docs:export", "lax"),
        ("for some routers it is the third", "/v1/docs%3Aexport", "ambiguous"),
        ("the second", "/v1/admin/x", "admin"),
        ("the third, or for some routers the second", "/v1/Admin/x", "ambiguous"),
        ("the third, or by a format the second", "/v1/admin.json", "ambiguous"),
        ("a rule for the very path comes before one for the path without its suffix", "/data.json", "data"),
        ("the path without it", "/data", "all_data"),
        ("another suffix", "/data.xml", "ambiguous"),
    ] {
        assert_eq!(name(guard(&rules, None, &head("GET", "x", path))), want, "{why}: {path}");
    }
    let closed = RuleSet { rules: &rules[..1], unmatched: Unmatched::Deny };
    let encoded = head("GET", "x", "/v1/docs%3Aexport");
    assert_eq!(
        closed.guard(None, &encoded, &OverrideFields::default()),
        Guard::Ambiguous,
        "one path is closed"
    );
}

fn with<'a>(method: &'a str, host: &'a str, path: &'a str, fields: &[(&'a str, &'a str)]) -> HeaderMap {
    let own = [(":method", method), (":authority", host), (":path", path)];
    let all = own.iter().chain(fields);
    HeaderMap::from_fields(all.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

#[test]
fn an_overriding_path_must_have_the_same_rule() {
    for (why, path, field, want) in [
        ("a guarded one", "/free", ("x-original-url", "/ask"), "ambiguous"),
        ("another name", "/free", ("x-rewrite-url", "/ask?x"), "ambiguous"),
        ("as CGI spells it", "/free", ("x_original_url", "/ask"), "ambiguous"),
        ("in full", "/free", ("x-original-url", "https://x/ask"), "ambiguous"),
        ("in another spelling", "/free", ("x-original-url", "/ASK"), "ambiguous"),
        ("from a guarded one away", "/ask", ("x-original-url", "/report"), "ambiguous"),
        ("no path", "/free", ("x-original-url", "ask"), "ambiguous"),
        ("nothing", "/free", ("x-original-url", ""), "ambiguous"),
        ("the same", "/ask?q=1", ("x-original-url", "/ask?q=2"), "ask"),
        ("another of the same rule", "/ask", ("x-original-url", "/ask/x"), "ask"),
        ("another that is as free", "/free", ("x-original-url", "/other"), "-"),
    ] {
        let headers = with("GET", "x", path, &[field]);
        assert_eq!(name(guard(&rules(), None, &headers)), want, "{why}: {field:?}");
    }
    let named = |url| {
        name(guard(&rules(), Some(b"ask"), &with("GET", "x", "/x", &[("x-original-url", url)]))).to_owned()
    };
    assert_eq!((named("/x?y"), named("/y")), ("ask".to_owned(), "ambiguous".to_owned()));
}

#[test]
fn a_path_without_its_script_name_must_have_the_same_rule() {
    for (why, path, field, want) in [
        ("as Gunicorn reads it", "/x/ask", ("script_name", "/x"), "ambiguous"),
        ("with a hyphen", "/x/ask", ("script-name", "/x"), "ambiguous"),
        ("as applications do behind a proxy", "/x/ask", ("x-script-name", "/x/"), "ambiguous"),
        ("decoded", "/a%20b/ask", ("x-script-name", "/a b"), "ambiguous"),
        ("in the middle of a segment", "/xask", ("script_name", "/x"), "ambiguous"),
        ("from a guarded one away", "/ask/free", ("script_name", "/ask"), "ambiguous"),
        ("to another of the same rule", "/ask/ask/x", ("script_name", "/ask"), "ask"),
        ("where the path does not begin with it", "/ask", ("script_name", "/x"), "ask"),
        ("the root", "/ask", ("x-script-name", "/"), "ask"),
        ("nothing", "/ask", ("x-script-name", ""), "ask"),
        ("to one that is as free", "/x/free", ("x-script-name", "/x"), "-"),
    ] {
        let headers = with("GET", "x", path, &[field]);
        assert_eq!(name(guard(&rules(), None, &headers)), want, "{why}: {field:?}");
    }
}

#[test]
fn an_overriding_method_must_have_the_same_rule() {
    for (why, method, path, field, want) in [
        ("to another rule", "POST", "/files/1", ("x-http-method-override", "GET"), "ambiguous method"),
        ("the other way", "GET", "/files/1", ("x-http-method", "DELETE"), "ambiguous method"),
        ("one of several", "GET", "/files/1", ("x-method-override", "GET, PUT"), "ambiguous method"),
        ("too many", "GET", "/files/1", ("x-method-override", "A,B,C,D,E"), "ambiguous method"),
        ("under one rule", "POST", "/files/1", ("x-http-method-override", "PATCH"), "write"),
        ("the same", "GET", "/files/1", ("x-http-method-override", "get"), "read"),
        ("nothing", "GET", "/files/1", ("x-http-method-override", ""), "read"),
        ("where methods do not matter", "POST", "/ask", ("x-http-method-override", "GET"), "ask"),
        ("where nothing is guarded", "POST", "/free", ("x-http-method-override", "GET"), "-"),
    ] {
        let headers = with(method, "x", path, &[field]);
        assert_eq!(name(guard(&rules(), None, &headers)), want, "{why}: {field:?}");
    }
    let without = [rule("ask", PathMatch::Prefix(PathPattern::new("/ask")))];
    let headers = with("POST", "x", "/ask", &[("x-method-override", "A,B,C,D,E")]);
    assert_eq!(name(guard(&without, None, &headers)), "ask", "no rule is for a method");
}

#[test]
fn an_overriding_host_must_have_the_same_rule() {
    for (why, host, field, want) in [
        ("to a guarded one", "www.example.com", ("x-forwarded-host", "api.example.com"), "ambiguous host"),
        ("away from it", "api.example.com", ("x-forwarded-host", "www.example.com"), "ambiguous host"),
        (
            "as RFC 7239 has it",
            "www.example.com",
            ("forwarded", "for=1;host=API.example.com"),
            "ambiguous host",
        ),
        ("one of several", "www.example.com", ("x-forwarded-host", "x, api.example.com"), "ambiguous host"),
        ("another name", "www.example.com", ("x-original-host", "api.example.com:443"), "ambiguous host"),
        ("no host", "api.example.com", ("x-host", "a@b"), "ambiguous host"),
        ("what a load balancer has set", "api.example.com", ("x-forwarded-host", "api.example.com"), "api"),
        ("with a port", "api.example.com", ("x-forwarded-host", "api.example.com:443"), "api"),
        ("by RFC 7239", "api.example.com", ("forwarded", "host=\"api.example.com:443\";proto=https"), "api"),
        ("another that is as free", "www.example.com", ("x-forwarded-host", "blog.example.com"), "-"),
    ] {
        let headers = with("GET", host, "/v1/x", &[field]);
        assert_eq!(name(guard(&rules(), None, &headers)), want, "{why}: {field:?}");
    }
    let without = [rule("ask", PathMatch::Prefix(PathPattern::new("/ask")))];
    let headers = with("GET", "a", "/ask", &[("x-forwarded-host", "b,c,d,e,f,g")]);
    assert_eq!(name(guard(&without, None, &headers)), "ask", "no rule is for a host");
}

#[test]
fn a_path_that_hides_characters_is_refused_on_a_route_with_a_rule() {
    for (path, want) in [("/%2561sk", "ambiguous"), ("/search/%2520", "named"), ("/100%25", "named")] {
        assert_eq!(name(guard(&rules(), Some(b"named"), &head("GET", "x", path))), want, "{path}");
    }
}
