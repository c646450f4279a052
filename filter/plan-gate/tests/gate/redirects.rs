//! Tests of redirects that Envoy itself follows: the rule of each path applies, and the request is counted
//! once.

use super::fixture::gate_with;
use super::host::{Host, get, token};

/// Returns a gate with rules of cost 1 and 2 for the same limit, and one for a plan.
fn gate() -> Host {
    gate_with(|gate| {
        let rules = gate["rules"].as_array_mut().unwrap();
        rules.retain(|rule| ["ask", "pair", "reports"].iter().any(|name| rule["name"] == *name));
    })
}

/// Sends a request; `redirected` if Envoy has followed a redirect to it. Returns its code and its remaining
/// quota. The host keeps the data for the next request of the redirect.
fn pass(host: &mut Host, user: &str, path: &str, redirected: bool) -> (String, Option<String>) {
    let mut fields = vec![("authorization", user)];
    if redirected {
        fields.push(("x-envoy-original-url", "http://x/anything"));
    }
    let (result, kept) = host.send_and_keep(&get(path, &fields));
    host.keep(kept);
    (result.code().to_owned(), result.field("x-ratelimit-remaining").map(str::to_owned))
}

fn on(remaining: &str) -> (String, Option<String>) {
    ("forwarded".to_owned(), Some(remaining.to_owned()))
}

#[test]
fn a_redirected_request_is_decided_again_and_counted_once() {
    let mut host = gate();
    let free = token("free");
    assert_eq!(pass(&mut host, &free, "/ask", false), on("4"));
    assert_eq!(pass(&mut host, &free, "/ask/there", true), on("4"), "it was counted before");
    assert_eq!(pass(&mut host, &free, "/pair", true), on("3"), "only a part of it was counted before");
    assert_eq!(pass(&mut host, &free, "/ask", true), on("3"), "more than that was counted before");
    assert_eq!(
        pass(&mut host, &free, "/reports", true).0,
        "plan_required",
        "the rule of its new path applies"
    );
    assert_eq!(host.kept(), None);
    assert_eq!(pass(&mut host, &free, "/ask", true), on("2"), "a refused pass counts nothing");
    let other = super::host::bearer(|draft| draft.claim("sub", "user_2"));
    assert_eq!(pass(&mut host, &other, "/ask", true), on("4"), "what was kept is of another subject");
}

#[test]
fn a_clients_header_field_is_not_a_redirect() {
    let mut host = gate();
    let free = token("free");
    assert_eq!(pass(&mut host, &free, "/ask", false), on("4"));
    host.keep(None);
    assert_eq!(pass(&mut host, &free, "/ask", true), on("3"), "nothing was kept with this request");
    host.keep(Some(b"nonsense".to_vec()));
    assert_eq!(pass(&mut host, &free, "/ask", true), on("2"));
    assert_eq!(
        pass(&mut host, &free, "/ask", false),
        on("1"),
        "without a redirect the kept count is not read"
    );
}

#[test]
fn the_last_request_of_a_limit_may_be_redirected() {
    let mut host = gate();
    let free = token("free");
    for remaining in ["4", "3", "2", "1", "0"] {
        assert_eq!(pass(&mut host, &free, "/ask", false), on(remaining));
    }
    assert_eq!(pass(&mut host, &free, "/ask/there", true), on("0"));
    assert_eq!(pass(&mut host, &free, "/ask", false).0, "quota_exceeded");
}
