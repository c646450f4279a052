//! Requests, good and hostile, for every filter: the corpus that both builds must answer alike.

use crate::clerk_corpus;
use serde_json::json;
use tollgate_fixtures::Random;
use tollgate_tests::client::wire::request;
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::fakes::clerk::tokens::Token;
use tollgate_tests::fakes::stripe::sign;
use tollgate_tests::hostile::request_with_noise;
use tollgate_tests::processes::gateway::{APPLICATION, WEBHOOK_PATH, WEBHOOK_SECRET};

/// The users whose requests the corpus has.
pub const USERS: [&str; 3] = ["user_free", "user_pro", "user_buyer"];

/// The number of requests with random header fields and bodies.
const RANDOM_REQUESTS: usize = 100;
/// The seed of the random requests.
const SEED: u64 = 17;

/// A request as bytes, with its name for error messages.
#[derive(Clone)]
pub struct CorpusRequest {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The lifetime of the tokens, in seconds: longer than the test takes on any machine.
const LIFE_S: i64 = 3_600;

/// Returns all requests. The tokens are issued and the events signed at `now` (Unix seconds).
pub fn requests(issuer: &str, now: i64) -> Vec<CorpusRequest> {
    let mut all = guarded(issuer, now);
    all.extend(billing(issuer, now));
    all.extend(webhooks(now));
    all.extend(clerk_corpus::deliveries(now));
    let mut random = Random::from_seed(SEED);
    let noise =
        (0..RANDOM_REQUESTS).map(|number| named(format!("random {number}"), request_with_noise(&mut random)));
    all.extend(noise);
    all
}

fn named(name: impl Into<String>, bytes: Vec<u8>) -> CorpusRequest {
    CorpusRequest { name: name.into(), bytes }
}

/// Returns requests for the gate: each path with each kind of credentials.
fn guarded(issuer: &str, now: i64) -> Vec<CorpusRequest> {
    const PATHS: [(&str, &str); 16] = [
        ("GET", "/ask"),
        ("POST", "/ask?unit=1"),
        ("GET", "/reports"),
        ("GET", "/reports/2026?a=b&c=%20"),
        ("HEAD", "/ask"),
        ("OPTIONS", "/ask"),
        ("GET", "/search"),
        ("GET", "/other"),
        ("GET", "//ask"),
        ("GET", "/%61sk"),
        ("GET", "/ask/../reports"),
        ("GET", "/ask%2F..%2Freports"),
        ("GET", "/ask;x"),
        ("GET", "/REPORTS"),
        ("GET", "/ask%"),
        ("BREW", "/reports"),
    ];
    let credentials = credentials(issuer, now);
    let each = PATHS.iter().flat_map(|(method, path)| {
        credentials.iter().map(move |(kind, fields)| {
            named(format!("{method} {path} with {kind}"), request(method, path, fields, b""))
        })
    });
    each.collect()
}

/// Returns credentials of each kind as header lines.
fn credentials(issuer: &str, now: i64) -> Vec<(&'static str, Vec<u8>)> {
    let session = |user: &str| Token::session(user, now).issuer(issuer).claim("exp", json!(now + LIFE_S));
    let bearer = |token: String| format!("authorization: Bearer {token}\r\n").into_bytes();
    let pro = session("user_pro").plan("pro");
    let cookie =
        |origin: &str| format!("cookie: a=b; __session={}\r\norigin: {origin}\r\n", pro.sign()).into_bytes();
    let forged =
        [bearer(pro.sign()), b"x-tollgate-plan: enterprise\r\nx-tollgate-user: user_other\r\n".to_vec()];
    vec![
        ("nothing", Vec::new()),
        ("a token of the default plan", bearer(session("user_free").sign())),
        ("a token of a paid plan", bearer(pro.sign())),
        ("an unknown plan", bearer(session("user_odd").plan("platinum").sign())),
        ("an expired token", bearer(session("user_old").claim("exp", json!(now - 600)).sign())),
        ("a token of the future", bearer(session("user_new").claim("nbf", json!(now + 600)).sign())),
        ("another key", bearer(pro.sign_with(KeyPair::second()))),
        ("no signature", bearer(pro.clone().unsigned())),
        ("another issuer", bearer(Token::session("user_x", now).issuer("https://other.example").sign())),
        ("another party", bearer(session("user_y").claim("azp", json!("https://evil.example")).sign())),
        ("a session cookie", cookie(APPLICATION)),
        ("a session cookie from another site", cookie("https://evil.example")),
        ("identity fields of its own", forged.concat()),
        ("bytes in place of a token", b"authorization: Bearer \xff\xfe.\x80.a\r\n".to_vec()),
        (
            "gRPC",
            [bearer(session("user_free").sign()), b"content-type: application/grpc\r\n".to_vec()].concat(),
        ),
    ]
}

/// Returns requests for the billing endpoints.
fn billing(issuer: &str, now: i64) -> Vec<CorpusRequest> {
    const ENDPOINTS: [(&str, &str, &str); 16] = [
        ("GET", "plans", ""),
        ("GET", "subscription", ""),
        ("GET", "invoices", ""),
        ("GET", "invoices?limit=0", ""),
        ("POST", "checkout", r#"{"plan":"pro"}"#),
        ("POST", "checkout", r#"{"plan":"platinum"}"#),
        ("POST", "checkout", r#"{"plan":"pro","return_url":"https://evil.example"}"#),
        ("POST", "checkout", "{"),
        ("POST", "checkout", ""),
        ("POST", "portal", "{}"),
        ("POST", "cancel", "{}"),
        ("POST", "resume", "{}"),
        ("POST", "change/preview", r#"{"plan":"pro"}"#),
        ("POST", "change", r#"{"plan":"free"}"#),
        ("DELETE", "plans", ""),
        ("GET", "unknown", ""),
    ];
    let buyer = Token::session("user_buyer", now).issuer(issuer).claim("exp", json!(now + LIFE_S)).sign();
    let json = "content-type: application/json\r\n";
    let callers = [
        ("nobody's token", json.to_owned()),
        ("a token", format!("{json}authorization: Bearer {buyer}\r\n")),
        ("a cookie without an origin", format!("{json}cookie: __session={buyer}\r\n")),
    ];
    let each = ENDPOINTS.iter().flat_map(|(method, path, body)| {
        callers.iter().map(move |(kind, fields)| {
            let bytes = request(method, &format!("/billing/{path}"), fields, body.as_bytes());
            named(format!("{method} billing/{path} {body} with {kind}"), bytes)
        })
    });
    each.collect()
}

/// Returns deliveries of events, most of which are refused.
fn webhooks(now: i64) -> Vec<CorpusRequest> {
    let event = json!({
        "id": "evt_corpus", "object": "event", "type": "customer.subscription.updated", "livemode": false,
        "created": now, "api_version": "2026-10-28.endive",
        "data": {"object": {"id": "sub_corpus", "object": "subscription", "customer": "cus_corpus"}},
    });
    let event = event.to_string().into_bytes();
    let large = vec![b'x'; 600 << 10];
    let deliver = |name: &str, signature: String, body: &[u8]| {
        named(name, request("POST", WEBHOOK_PATH, format!("stripe-signature: {signature}\r\n"), body))
    };
    let signed = |body: &[u8]| sign(&[WEBHOOK_SECRET], now, body);
    vec![
        deliver("an event", signed(&event), &event),
        deliver("the same event again", signed(&event), &event),
        deliver("another secret", sign(&["whsec_other"], now, &event), &event),
        deliver("an old signature", sign(&[WEBHOOK_SECRET], now - 4_000, &event), &event),
        deliver("a signature of the future", sign(&[WEBHOOK_SECRET], now + 4_000, &event), &event),
        deliver("a signature of another body", signed(b"{}"), &event),
        deliver("a malformed signature", "v1=00".to_owned(), &event),
        deliver("a signature without a scheme", format!("t={now}"), &event),
        deliver("a body that is not JSON", signed(b"no"), b"no"),
        deliver("a body that is not text", signed(b"\xff\x00\xfe"), b"\xff\x00\xfe"),
        deliver("an empty body", signed(b""), b""),
        deliver("an object that is no event", signed(b"{\"id\":1}"), b"{\"id\":1}"),
        deliver("a body over the maximum", signed(&large), &large),
        named("an event without a signature", request("POST", WEBHOOK_PATH, "", &event)),
        named("GET of the webhook", request("GET", WEBHOOK_PATH, "", b"")),
        named("a path below the webhook", request("POST", &format!("{WEBHOOK_PATH}/x"), "", &event)),
        named("a body in chunks", chunked(&signed(&event), &event)),
        named("a body larger than announced", request("POST", WEBHOOK_PATH, "content-length: 2\r\n", &event)),
    ]
}

/// Returns a delivery whose body comes in two chunks, without a length.
fn chunked(signature: &str, body: &[u8]) -> Vec<u8> {
    let (first, second) = body.split_at(body.len() / 2);
    let head = format!(
        "POST {WEBHOOK_PATH} HTTP/1.1\r\nhost: gateway.test\r\nconnection: close\r\n\
         stripe-signature: {signature}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let mut bytes = head.into_bytes();
    for chunk in [first, second, b""] {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend(b"\r\n");
    }
    bytes
}
