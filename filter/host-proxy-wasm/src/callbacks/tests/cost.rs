//! The cost of a request that the gate permits: each host call, since these are most of it. ARCHITECTURE.md
//! repeats these numbers.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_core::config;
use tollgate_core::gate::{GateRequest, GateWorker};
use tollgate_driver::Setup;

/// The time of all requests here, within the lifetime of the token.
const NOW_S: u64 = 1_800_000_000;

/// A public key of 2048 bits. Its private key was not kept.
const PEM: &str = include_str!("../../../../../tests/fixtures/clerk_jwt_key.pem");

const DOCUMENT: &str = r#"{
    "plans": [
        {"name": "free", "limits": {"asks": [{"max": 5, "per": "day"}, {"max": 3, "per": "minute"}]}},
        {"name": "pro", "limits": {"asks": "unlimited"}}
    ],
    "plan_gate": {
        "issuer": "https://clerk.example.com", "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
        "authorized_parties": ["https://app.example.com"], "usage_path": "/usage",
        "confirm": {"cluster": "clerk_api"},
        "rules": [{"name": "me", "path": "/me"}, {"name": "ask", "path": "/ask", "limit": "asks"}]
    }
}"#;

struct Gate;

impl Filter for Gate {
    type Worker = GateWorker;
    type Request = GateRequest;

    const READS_BODY: bool = false;

    fn configure(_: Setup<'_>) -> Result<GateWorker, String> {
        let environment = |name: &str| (name == "CLERK_JWT_KEY").then(|| PEM.to_owned());
        let configuration = config::read::<config::PlanGateSettings>(DOCUMENT.as_bytes(), &environment)
            .map_err(|e| e.to_string())?;
        GateWorker::new(configuration, [7; 16]).map_err(|e| e.to_string())
    }

    fn request(_: &GateWorker) -> GateRequest {
        GateRequest::default()
    }

    fn removes_trailer(_: &[u8]) -> bool {
        false
    }
}

/// Returns a gate on a host that accepts every signature.
fn gate() -> Callbacks<Gate> {
    scripted::reset();
    scripted::with(|host| {
        host.time_ns = NOW_S * 1_000_000_000;
        host.signature = Some(Ok(vec![0x08, 0x01]));
        host.clusters = vec!["clerk_api"];
    });
    let mut dispatch = Callbacks::new();
    dispatch.context_create(ROOT, 0);
    assert!(dispatch.configure(ROOT, 0), "{:?}", scripted::events());
    dispatch
}

fn token() -> String {
    let header = r#"{"alg":"RS256","cat":"cl_B7d4PD111AAA","kid":"ins_1","typ":"JWT"}"#;
    let claims = format!(
        r#"{{"iss":"https://clerk.example.com","azp":"https://app.example.com","sub":"user_1","sid":"sess_1","exp":{}}}"#,
        NOW_S + 60
    );
    [header.as_bytes(), claims.as_bytes(), &[1; 256]].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

/// Returns all host calls from a request's header to its response's.
fn calls(
    dispatch: &mut Callbacks<Gate>,
    request: u32,
    path: &str,
    more: &[(&str, &str)],
) -> Vec<&'static str> {
    let authorization = format!("Bearer {}", token());
    let mut fields = vec![(":method", "GET"), (":authority", "gateway.test"), (":path", path)];
    fields.push(("authorization", &authorization));
    fields.extend(more);
    scripted::with(|host| host.maps.insert(MapType::REQUEST_HEADERS, headers::serialize(&fields)));
    scripted::calls();
    dispatch.context_create(request, ROOT);
    dispatch.request_headers(request, true);
    dispatch.response_headers(request);
    dispatch.delete(request);
    scripted::calls()
}

const ADD_FIELD: &str = "add_header_map_value";
const SET_FIELD: &str = "replace_header_map_value";

#[test]
fn a_request_with_a_cached_token_costs_twelve_calls() {
    let mut dispatch = gate();
    calls(&mut dispatch, 10, "/ask", &[]);
    let counted = calls(&mut dispatch, 11, "/ask", &[]);
    let want = [
        "get_header_map_pairs",
        "get_current_time_nanoseconds",
        "get_shared_data",
        "set_shared_data",
        ADD_FIELD,
        ADD_FIELD,
        ADD_FIELD,
        SET_FIELD,
        SET_FIELD,
        SET_FIELD,
        SET_FIELD,
        SET_FIELD,
    ];
    assert_eq!(
        counted, want,
        "to the upstream user, session, plan; and five RateLimit fields of the response"
    );
    let uncounted = calls(&mut dispatch, 12, "/me", &[]);
    assert_eq!(uncounted.len(), 5, "{uncounted:?}");
}

#[test]
fn permitted_requests_are_counted_at_the_next_tick_or_filter_end() {
    let mut dispatch = gate();
    assert!(scripted::events().contains(&Event::TicksStarted { period_ms: 1_000 }));
    calls(&mut dispatch, 10, "/ask", &[]);
    let counts = || {
        let events = scripted::events().into_iter();
        let increments = events.filter_map(|event| match event {
            Event::Incremented(_, by) => Some(by),
            _ => None,
        });
        increments.collect::<Vec<_>>()
    };
    assert_eq!(counts(), [1], "only the token that was not in the cache is counted at once");
    calls(&mut dispatch, 11, "/ask", &[]);
    calls(&mut dispatch, 12, "/ask", &[]);
    assert_eq!(counts(), [0; 0]);
    dispatch.tick(ROOT);
    assert_eq!(counts(), [2, 3], "two cached tokens, three permitted requests");
    dispatch.tick(ROOT);
    assert_eq!(counts(), [0; 0], "each once");
    calls(&mut dispatch, 13, "/me", &[]);
    dispatch.delete(ROOT);
    assert_eq!(counts(), [1, 1]);
    dispatch.tick(ROOT);
    assert_eq!(counts(), [0; 0], "the filter has ended");
}

#[test]
fn unusual_requests_cost_more() {
    let mut dispatch = gate();
    let first = calls(&mut dispatch, 10, "/ask", &[]);
    let usual = calls(&mut dispatch, 11, "/ask", &[]);
    let seeding = ["get_shared_data", "set_shared_data"];
    let extra =
        first.iter().filter(|call| **call == "call_foreign_function" || seeding.contains(call)).count();
    assert_eq!(extra, 5, "one signature; the seed of the table and the counter: {first:?}");
    let forged = calls(&mut dispatch, 12, "/ask", &[("x-tollgate-plan", "pro"), ("X_Tollgate_User", "u")]);
    assert_eq!(forged.len(), usual.len() + 2, "each forged field is removed: {forged:?}");
    let other = calls(&mut dispatch, 13, "/other", &[]);
    assert_eq!(other, ["get_header_map_pairs", "get_current_time_nanoseconds"], "no rule");
}

#[test]
fn no_request_within_its_quota_costs_a_callout() {
    let mut dispatch = gate();
    for (request, path) in
        [(10, "/ask"), (11, "/me"), (12, "/usage"), (13, "/ask"), (14, "/other"), (15, "/ask")]
    {
        let calls = calls(&mut dispatch, request, path, &[]);
        assert!(!calls.contains(&"http_call") && !calls.contains(&"grpc_call"), "{path}: {calls:?}");
    }
    let refused = calls(&mut dispatch, 16, "/ask", &[]);
    assert!(refused.contains(&"http_call"), "Clerk is called only before a refusal: {refused:?}");
}
