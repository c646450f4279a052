//! What decides whether a request is guarded, and how often it may come.

use crate::configuration::PEM;
use std::cell::RefCell;
use tollgate_core::config;
use tollgate_core::gate::{GateRequest, GateWorker};
use tollgate_core::http::{HeaderMap, Outcome};
use tollgate_core::machine::{Action, Input, Machine};
use tollgate_core::plan_table::{Period, Window};
use tollgate_core::quota::bucket::BUCKET_BYTES_MAX;
use tollgate_core::quota::ratelimit::{CAPACITY, Counter, answer};
use tollgate_core::quota::table::SIGNED_IN_MB;
use tollgate_core::quota::{BucketTable, Callers, Decision, Seed, peek, spend};
use tollgate_core::time::Micros;

/// The time of all requests here.
const NOW: Micros = Micros::from_secs(1_800_000_000);

const DOCUMENT: &str = r#"{
    "namespace": "any", "plans": [{"name": "free"}],
    "plan_gate": {
        "issuer": "https://clerk.example.com", "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
        "authorized_parties": ["https://app.example.com"], "rules": [{"name": "ask", "path_prefix": "/ask"}]
    }
}"#;

thread_local! {
    /// A gate that guards `/ask`, and nothing else.
    static GATE: RefCell<GateWorker> = RefCell::new(worker());
}

fn worker() -> GateWorker {
    let environment = |name: &str| (name == "CLERK_JWT_KEY").then(|| PEM.to_owned());
    let configuration =
        config::read::<config::Gate>(DOCUMENT.as_bytes(), &environment).expect("a right document");
    GateWorker::new(configuration, [7; 16]).expect("a right key")
}

/// A request's path: no way of writing it leads past the rule to what a backend that decodes would serve as `/ask`.
pub fn path(bytes: &[u8]) -> bool {
    let fields = [(&b":method"[..], &b"GET"[..]), (b":authority", b"gateway.test"), (b":path", bytes)];
    let headers = HeaderMap::from_fields(fields);
    let action = GATE.with_borrow_mut(|worker| {
        let mut passage = GateRequest::default();
        let step = passage.handle(worker, NOW, Input::Head { headers, end_of_stream: true });
        match step.action {
            Action::ReadProperty { .. } => passage.handle(worker, NOW, Input::Property(None)).action,
            action => action,
        }
    });
    match action {
        Action::Forward(_) => {
            assert!(!is_served_as_ask(bytes), "past the rule: {}", bytes.escape_ascii());
            true
        }
        Action::Reply(reply) => {
            assert!(matches!(reply.status, 400 | 401), "{reply:?}");
            false
        }
        action => panic!("neither forwarded nor answered: {action:?}"),
    }
}

/// Whether a backend serves it as `/ask` or something below, that decodes up to three times, takes a backslash for a slash,
/// cuts `;` parameters off, folds slashes, follows dot segments, and minds neither the case, nor a suffix, dots or blanks
/// at the end.
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
            let last = last.split(|byte| matches!(byte, b'.' | b' ' | 0)).next().unwrap_or_default();
            last.eq_ignore_ascii_case(b"ask")
        }
        segments => segments.first().is_some_and(|first| first.eq_ignore_ascii_case(b"ask")),
    }
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, behind @ ..] = rest {
        let escaped = behind.get(..2).filter(|_| *first == b'%').and_then(hexadecimal);
        decoded.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    decoded
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// What stands in shared data where a bucket is expected, behind a byte for the cost: what is admitted is counted
/// exactly, what is not changes nothing, and nothing grows without bound.
pub fn bucket(bytes: &[u8]) -> bool {
    let (cost, stored) = bytes.split_first().map_or((1, bytes), |(cost, stored)| (u64::from(*cost), stored));
    let table = BucketTable::new("any", Callers::SignedIn, &Seed::new([7; 16]), SIGNED_IN_MB);
    let subject = table.place(b"user_1", "asks").fingerprint;
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
            assert_eq!(stored, &None, "what is refused is counted nowhere");
            assert_eq!(spending.states, before);
        }
    }
    spending.decision == Decision::Admitted
}

/// What envoyproxy/ratelimit, or whoever listens in its place, answers about two windows: both are known or neither, and
/// what is known is what the service can have counted.
pub fn ratelimit_answer(bytes: &[u8]) -> bool {
    let windows = [Window { max: 9, per: Period::Minute }, Window { max: 200, per: Period::Month }];
    let asked = windows.map(|window| (window, Counter::at(window.per, NOW)));
    let Ok(states) = answer::read(&Outcome::Message(bytes), &asked, NOW) else { return false };
    assert_eq!(states.len(), asked.len());
    for (state, (window, counter)) in states.iter().zip(&asked) {
        assert_eq!((state.per, state.max), (window.per, window.max));
        assert!(state.used <= CAPACITY);
        assert!(state.interval.end > state.interval.start || state.interval.end == Micros::MAX);
        assert!(
            state.per != Period::Month || state.interval == counter.interval,
            "a month has a name of its own"
        );
    }
    true
}
