//! Properties of the path of a request and of its counters.

use crate::configuration::PEM;
use plan_gate::PlanGate;
use std::cell::RefCell;
use tollgate_core::http::{HeaderMap, Outcome, Reply};
use tollgate_core::plan_table::{Period, Window};
use tollgate_core::quota::bucket::BUCKET_BYTES_MAX;
use tollgate_core::quota::ratelimit::{CAPACITY, Counter, response};
use tollgate_core::quota::table::SIGNED_IN_MB;
use tollgate_core::quota::{BucketTable, Callers, Decision, Seed, peek, spend};
use tollgate_core::time::Micros;
use tollgate_driver::memory::{MemoryHost, MemoryRequest};
use tollgate_driver::{Dispatch, Flow};

/// The time of all requests here.
const NOW: Micros = Micros::from_secs(1_800_000_000);

const DOCUMENT: &str = r#"{
    "namespace": "any", "plans": [{"name": "free"}],
    "plan_gate": {
        "issuer": "https://clerk.example.com", "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
        "authorized_parties": ["https://app.example.com"], "rules": [{"name": "ask", "path_prefix": "/ask"}]
    }
}"#;

/// The context ids of the filter and of the only request.
const FILTER: u32 = 1;
const REQUEST: u32 = 2;

/// A gate that guards `/ask`, and nothing else, on a host in memory.
struct GuardedAsk {
    host: MemoryHost,
    dispatch: Dispatch<PlanGate, MemoryHost>,
}

thread_local! {
    static GATE: RefCell<GuardedAsk> = RefCell::new(GuardedAsk::new());
}

impl GuardedAsk {
    fn new() -> Self {
        let mut host = MemoryHost::default();
        host.now = NOW;
        host.environment = [("CLERK_JWT_KEY".to_owned(), PEM.to_owned())].into();
        let mut dispatch = Dispatch::new();
        assert!(dispatch.configure(&mut host, FILTER, Some(DOCUMENT.as_bytes())), "{:?}", host.take_lines());
        GuardedAsk { host, dispatch }
    }

    /// Sends a request without a token. Returns the gate's own response, or `None` if it forwarded the
    /// request.
    fn send(&mut self, headers: HeaderMap) -> Option<Reply> {
        self.host.current = REQUEST;
        *self.host.request() = MemoryRequest { headers, ..MemoryRequest::default() };
        self.dispatch.begin_request(REQUEST, FILTER);
        let flow = self.dispatch.request_headers(&mut self.host, REQUEST, true);
        self.dispatch.end_context(&mut self.host, REQUEST);
        self.host.take_lines();
        let reply = self.host.request().reply.take();
        assert_eq!(flow == Flow::Pause, reply.is_some(), "neither forwarded nor answered");
        reply
    }
}

/// Checks a request's path: the gate forwards none that an upstream which decodes paths would serve as
/// `/ask`.
pub fn path(bytes: &[u8]) -> bool {
    let fields = [(&b":method"[..], &b"GET"[..]), (b":authority", b"gateway.test"), (b":path", bytes)];
    match GATE.with_borrow_mut(|gate| gate.send(HeaderMap::from_fields(fields))) {
        None => {
            assert!(!is_served_as_ask(bytes), "bypasses the rule: {}", bytes.escape_ascii());
            true
        }
        Some(reply) => {
            assert!(matches!(reply.status, 400 | 401), "{reply:?}");
            false
        }
    }
}

/// Returns whether a lenient upstream serves a path as `/ask` or as a path below it. Such an upstream decodes
/// up to three times, treats a backslash as a slash, removes `;` parameters and everything after a NUL,
/// merges slashes, resolves dot segments, and ignores case, dots and blanks at the end, and a suffix. (A
/// blank inside a name is part of the name.)
fn is_served_as_ask(path: &[u8]) -> bool {
    let path = path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    let mut path = path.to_vec();
    for _ in 0..3 {
        path = decoded(&path);
        if is_ask(&path) {
            return true;
        }
    }
    false
}

fn is_ask(path: &[u8]) -> bool {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')) {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        match name {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    match segments.as_slice() {
        [last] => {
            let cut = last.split(|byte| *byte == 0).next().unwrap_or_default();
            let end = cut.iter().rposition(|byte| !b" .".contains(byte)).map_or(0, |last| last + 1);
            let last = cut[..end].split(|byte| *byte == b'.').next().unwrap_or_default();
            last.eq_ignore_ascii_case(b"ask")
        }
        segments => segments.first().is_some_and(|first| first.eq_ignore_ascii_case(b"ask")),
    }
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(hexadecimal);
        decoded.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    decoded
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// Checks a byte with the cost, followed by the bytes of a bucket in shared data: an admitted request is
/// counted exactly, a refused one changes nothing, and the bucket's size is bounded.
pub fn bucket(bytes: &[u8]) -> bool {
    let (cost, stored) = bytes.split_first().map_or((1, bytes), |(cost, stored)| (u64::from(*cost), stored));
    let table = BucketTable::new("any", Callers::SignedIn, &Seed::new([7; 16]), SIGNED_IN_MB);
    let subject = table.key(b"user_1", "asks").fingerprint;
    let windows = [Window { max: 9, per: Period::Minute }, Window { max: 200, per: Period::Month }];
    let before = peek(Some(stored), subject, &windows, NOW);
    let spending = spend(Some(stored), subject, &windows, cost, NOW);
    match (&spending.decision, &spending.new_bytes) {
        (Decision::Admitted, Some(new)) => {
            assert!(new.len() <= BUCKET_BYTES_MAX);
            let after = peek(Some(new), subject, &windows, NOW);
            assert_eq!(after, spending.states);
            for (before, after) in before.iter().zip(&after) {
                assert_eq!(after.used, before.used + cost);
                assert!(after.used <= after.max);
            }
        }
        (Decision::Admitted, None) => assert_eq!(cost, 0),
        (_, stored) => {
            assert_eq!(stored, &None, "a refused request is not counted");
            assert_eq!(spending.states, before);
        }
    }
    spending.decision == Decision::Admitted
}

/// Checks a response of envoyproxy/ratelimit, or of another server at its address, about two windows: the
/// states of both are read or of neither, and they are in the range that the service counts.
pub fn ratelimit_response(bytes: &[u8]) -> bool {
    let windows = [Window { max: 9, per: Period::Minute }, Window { max: 200, per: Period::Month }];
    let requested = windows.map(|window| (window, Counter::at(window.per, NOW)));
    let Ok(states) = response::read(&Outcome::Message(bytes), &requested, NOW) else { return false };
    assert_eq!(states.len(), requested.len());
    for (state, (window, counter)) in states.iter().zip(&requested) {
        assert_eq!((state.per, state.max), (window.per, window.max));
        assert!(state.used <= CAPACITY);
        assert!(state.interval.end > state.interval.start || state.interval.end == Micros::MAX);
        assert!(
            state.per != Period::Month || state.interval == counter.interval,
            "a month's counter is named after the month"
        );
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lenient_upstream_serves_variants_of_a_path_and_no_other_name() {
        for served in [
            "/ask",
            "/ASK",
            "/ask/x",
            "//ask",
            "/x/../ask",
            "/ask;a",
            "/ask.json",
            "/ask%20",
            "/ask.%20",
            "/ask%00x",
        ] {
            assert!(is_served_as_ask(served.as_bytes()), "{served}");
        }
        for other in ["/asking", "/x/ask", "/ask%20x", "/ask%202exs%20exmsee", "/ask%20.json"] {
            assert!(!is_served_as_ask(other.as_bytes()), "{other}");
        }
    }
}
